"""Would a CFO fund it: the vocabulary of notebook 12."""

from __future__ import annotations

from cemlab.business_case.case import BusinessCase, training_case
from cemlab.business_case.chain import Conditions, Wave
from cemlab.business_case.entries import Assumption, Entry, Fitted, counted, fitted_together
from cemlab.business_case.figures import Figures
from cemlab.business_case.ledger import CaseLedger, case_ledger, ledger_of
from cemlab.business_case.portfolio import Portfolio, portfolio
from cemlab.business_case.recession import Recession, recession_of
from cemlab.business_case.scenarios import Scenario, usual_scenarios
from cemlab.business_case.stress import Stress, stress
from cemlab.business_case.tornado import Tornado, tornado
from cemlab.business_case.variance import VarianceShares, variance_shares

__all__ = [
    "Assumption",
    "BusinessCase",
    "CaseLedger",
    "Conditions",
    "Entry",
    "Figures",
    "Fitted",
    "Portfolio",
    "Recession",
    "Scenario",
    "Stress",
    "Tornado",
    "VarianceShares",
    "Wave",
    "case_ledger",
    "counted",
    "fitted_together",
    "ledger_of",
    "portfolio",
    "recession_of",
    "stress",
    "tornado",
    "training_case",
    "usual_scenarios",
    "variance_shares",
]
