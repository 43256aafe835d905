"""What nobody can simulate: goals, levers, costs and assumptions, written by hand beside the data."""

from __future__ import annotations

import pyarrow as pa
from pyarrow import csv

from cemlab.data.columns import Form
from cemlab.data.contract import table
from cemlab.places import bundled

#: The tables written by hand, in the order of the loop from what is wanted to what is assumed.
WRITTEN = ("goals", "levers", "costs", "opportunities", "ledger")

_TYPES: dict[Form, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "date": pa.date32(),
    "flag": pa.bool_(),
}


def inputs() -> dict[str, pa.Table]:
    """Return the tables that were written by hand, by name.

    Raises
    ------
    pyarrow.ArrowInvalid
        If a value is not what the data contract says of its column, or a column is missing.

    Examples
    --------
    >>> inputs()["goals"].column("kind")[0].as_py()
    'mission'
    """
    return {name: _read(name) for name in WRITTEN}


def _read(name: str) -> pa.Table:
    columns = {column.name: _TYPES[column.form] for column in table(name).columns}
    return csv.read_csv(
        bundled("data") / "inputs" / f"{name}.csv",
        convert_options=csv.ConvertOptions(
            column_types=columns,
            include_columns=list(columns),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
