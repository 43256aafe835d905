"""Service contacts and what is said of them, and the messages that are sent."""
