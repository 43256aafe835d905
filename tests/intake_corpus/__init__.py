"""A corpus of dirty and clean extracts, made by code: what clients send, and what must be said of it.

``python -m tests.intake_corpus FOLDER`` writes every case to a folder of its own, to look at.
"""

from __future__ import annotations

from itertools import chain

from tests.intake_corpus import files, good, hostile, parquet, settings, sheets, text, values
from tests.intake_corpus.case import Case, numbered

_MODULES = (values, text, settings, files, sheets, parquet, hostile, good)

#: Every case.
CASES: tuple[Case, ...] = numbered(chain.from_iterable(module.cases() for module in _MODULES))
