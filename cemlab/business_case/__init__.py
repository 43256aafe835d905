"""Would a CFO fund it: the vocabulary of notebook 12."""

from __future__ import annotations

from cemlab.business_case.auditor import ClaimAudit, audit_claim
from cemlab.business_case.break_even import BreakEven, break_even
from cemlab.business_case.case import BusinessCase, training_case
from cemlab.business_case.chain import Conditions, Wave
from cemlab.business_case.direct import Cell, direct_case, direct_entries
from cemlab.business_case.entries import Assumption, Entry, counted
from cemlab.business_case.figures import Figures
from cemlab.business_case.fitted import Fitted, fitted_together
from cemlab.business_case.frontier import Frontier, break_even_frontier
from cemlab.business_case.information import Information, what_would_change_our_mind
from cemlab.business_case.ledger import CaseLedger, case_ledger, ledger_of
from cemlab.business_case.measured import case_panel, experience_entries, fact_entries, slope_entries
from cemlab.business_case.measured_service import service_entries
from cemlab.business_case.phases import Phases, roll_out_phases
from cemlab.business_case.pilot import Pilot, pilot
from cemlab.business_case.portfolio import Portfolio, portfolio
from cemlab.business_case.recession import Recession, recession_of
from cemlab.business_case.returns import SimpleReturn, simple_return
from cemlab.business_case.roads import Roads, compare_roads
from cemlab.business_case.scenarios import Scenario, usual_scenarios
from cemlab.business_case.shrinkage import Shrunk, shrink_to_local
from cemlab.business_case.stress import Stress, stress
from cemlab.business_case.tornado import Tornado, tornado
from cemlab.business_case.variance import VarianceShares, variance_shares

__all__ = [
    "Assumption",
    "BreakEven",
    "BusinessCase",
    "CaseLedger",
    "Cell",
    "ClaimAudit",
    "Conditions",
    "Entry",
    "Figures",
    "Fitted",
    "Frontier",
    "Information",
    "Phases",
    "Pilot",
    "Portfolio",
    "Recession",
    "Roads",
    "Scenario",
    "Shrunk",
    "SimpleReturn",
    "Stress",
    "Tornado",
    "VarianceShares",
    "Wave",
    "audit_claim",
    "break_even",
    "break_even_frontier",
    "case_ledger",
    "case_panel",
    "compare_roads",
    "counted",
    "direct_case",
    "direct_entries",
    "experience_entries",
    "fact_entries",
    "fitted_together",
    "ledger_of",
    "pilot",
    "portfolio",
    "recession_of",
    "roll_out_phases",
    "service_entries",
    "shrink_to_local",
    "simple_return",
    "slope_entries",
    "stress",
    "tornado",
    "training_case",
    "usual_scenarios",
    "variance_shares",
    "what_would_change_our_mind",
]
