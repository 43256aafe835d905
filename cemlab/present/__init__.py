"""Showing results: the only place that imports matplotlib."""
