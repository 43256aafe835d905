"""Who lifts whom, staff or customers: the vocabulary of notebook 10."""

__all__: list[str] = []
