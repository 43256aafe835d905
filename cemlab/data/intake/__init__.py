"""Files into the contract: every record becomes a typed row, or is set aside with its place and its reason.

Text is never guessed at, and nothing is coerced in silence: ``records = accepted + set aside`` holds for
every file, and a file that is wrong as a whole is rejected as a whole.
"""

from cemlab.data.intake.load import FileReport, Intake, take_in
from cemlab.data.intake.plan import Settings
from cemlab.data.intake.settings import read_settings

__all__ = ["FileReport", "Intake", "Settings", "read_settings", "take_in"]
