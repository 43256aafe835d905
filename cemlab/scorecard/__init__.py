"""Do the methods find what was planted? Estimates over many simulated companies, beside the truth."""

from cemlab.scorecard.card import Scorecard
from cemlab.scorecard.page import write_scorecard
from cemlab.scorecard.row import Estimate, Row
from cemlab.scorecard.rows import ROWS, rows_named
from cemlab.scorecard.running import score

__all__ = ["ROWS", "Estimate", "Row", "Scorecard", "rows_named", "score", "write_scorecard"]
