"""Would a CFO fund it: the vocabulary of notebook 12."""

from __future__ import annotations

from cemlab.business_case.case import BusinessCase, training_case
from cemlab.business_case.chain import Conditions, Wave
from cemlab.business_case.entries import Assumption, Entry, Fitted, counted, fitted_together
from cemlab.business_case.figures import Figures
from cemlab.business_case.ledger import CaseLedger, case_ledger, ledger_of

__all__ = [
    "Assumption",
    "BusinessCase",
    "CaseLedger",
    "Conditions",
    "Entry",
    "Figures",
    "Fitted",
    "Wave",
    "case_ledger",
    "counted",
    "fitted_together",
    "ledger_of",
    "training_case",
]
