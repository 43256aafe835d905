"""Array functions that do the numbers: no frames, no columns, no plots."""
