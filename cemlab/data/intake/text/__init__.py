"""Delimited text: bytes of any encoding and packing into records, each with its physical line."""

from cemlab.data.intake.text.delimited import open_delimited

__all__ = ["open_delimited"]
