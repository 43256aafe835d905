"""Would a CFO fund it: the vocabulary of notebook 12."""
