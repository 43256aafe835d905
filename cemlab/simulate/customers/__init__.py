"""Customers: who they are, how long they stay, and what a save offer changes."""
