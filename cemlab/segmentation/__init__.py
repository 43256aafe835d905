"""What do we do with this customer? The vocabulary of notebook 01."""
