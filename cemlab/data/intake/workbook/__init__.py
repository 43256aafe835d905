"""Excel workbooks: the rows of one sheet as text, with what Excel did to them."""

from cemlab.data.intake.workbook.reader import open_workbook

__all__ = ["open_workbook"]
