"""Is a point of experience worth money: the vocabulary of notebook 11."""

__all__: list[str] = []
