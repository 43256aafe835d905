"""Purchases and campaigns, and the books in which their money adds up."""
