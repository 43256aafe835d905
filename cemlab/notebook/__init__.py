"""The notebooks as a machine sees them: what they need, their form, running and publishing them."""
