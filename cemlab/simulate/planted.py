"""How a planted truth is written down: a field with its value, its unit and the place where it acts."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def truth(value: Any, unit: str, where: str) -> Any:
    """Return a field whose value is a planted truth, with its unit and where it acts."""
    return field(default=value, metadata={"unit": unit, "where": where})
