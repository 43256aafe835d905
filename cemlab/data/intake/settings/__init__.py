"""``cemlab.toml``: what a user says of her files, and what follows from it for each column."""

from cemlab.data.intake.settings.file import FILE_NAME, read_settings, settings_beside
from cemlab.data.intake.settings.rules import column_rules, overlooked

__all__ = ["FILE_NAME", "column_rules", "overlooked", "read_settings", "settings_beside"]
