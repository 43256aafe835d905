"""What is said of an answer."""

from __future__ import annotations

import html
from dataclasses import dataclass

_VERDICTS = {True: "Right", False: "Not yet", None: "Not marked"}


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What is said of an answer; the solution is no part of it.

    Parameters
    ----------
    right
        Whether the answer is right; None where it could not be marked.
    message
        Why, in plain words.

    Examples
    --------
    >>> Mark(right=True, message="Within 0.01 of the truth.")
    Right: Within 0.01 of the truth.
    """

    right: bool | None
    message: str

    def __str__(self) -> str:
        return f"{_VERDICTS[self.right]}: {self.message}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        said = f"<strong>{_VERDICTS[self.right]}:</strong> {html.escape(self.message)}"
        return f'<p class="cemlab-mark tex2jax_ignore mathjax_ignore">{said}</p>'
