"""cemlab."""
