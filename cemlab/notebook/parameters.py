"""Parameters of a notebook: a tagged cell of plain assignments, and a cell of values put after it.

A value can only be a literal and a name only one that the notebook itself declares, so nothing
that is handed in can become code.
"""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from cemlab.errors import OptionError

if TYPE_CHECKING:
    from nbformat import NotebookNode

Value = str | int | float | bool | None

DECLARED = "parameters"
INJECTED = "injected-parameters"


def declared(source: str) -> dict[str, Value]:
    r"""Return the names and default values of a parameters cell.

    Parameters
    ----------
    source
        The cell's code: comments and lines ``name = literal``, nothing else.

    Raises
    ------
    OptionError
        If a line is anything else.

    Examples
    --------
    >>> declared("data = None  # a folder\nquick = False")
    {'data': None, 'quick': False}
    """
    try:
        lines = ast.parse(source).body
    except SyntaxError as error:
        raise OptionError(
            f"parameters cell, line {error.lineno}: this is not Python; write name = literal"
        ) from error
    found: dict[str, Value] = {}
    for line in lines:
        if not (
            isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name)
        ):
            raise OptionError(
                f"parameters cell, line {line.lineno}: only lines name = literal may stand here"
            )
        try:
            value = ast.literal_eval(line.value)
        except ValueError as error:
            raise OptionError(f"parameters cell, line {line.lineno}: the value is not a literal") from error
        if type(value) not in (str, int, float, bool, type(None)):
            raise OptionError(
                f"parameters cell, line {line.lineno}: the value is a {type(value).__name__}; "
                "allowed: text, number, True, False, None"
            )
        found[line.targets[0].id] = value
    return found


def inject(notebook: NotebookNode, values: Mapping[str, Value]) -> NotebookNode:
    """Return a copy of a notebook with a cell of values after its parameters cell.

    Parameters
    ----------
    notebook
        Not changed. With no values, no cell is put in.
    values
        Names that the parameters cell declares, and plain values.

    Raises
    ------
    OptionError
        If a name is not declared, or a value is not plain text, a number, True, False or None.
    """
    changed = copy.deepcopy(notebook)
    if not values:
        return changed
    place = next((i for i, cell in enumerate(changed.cells) if has_tag(cell, DECLARED)), None)
    if place is None:
        raise OptionError(
            f"the notebook takes no parameters, so {', '.join(values)} cannot be set; "
            f"tag a cell of lines name = literal with {DECLARED!r}"
        )
    allowed = declared(changed.cells[place].source)
    source = "\n".join(f"{_name(name, allowed)} = {_literal(name, value)}" for name, value in values.items())
    from nbformat.v4 import new_code_cell

    changed.cells.insert(place + 1, new_code_cell(source, metadata={"tags": [INJECTED]}))
    return changed


def has_tag(cell: NotebookNode, tag: str) -> bool:
    """Return whether a cell carries a tag."""
    return tag in cell.metadata.get("tags", ())


def _name(name: str, allowed: Mapping[str, Value]) -> str:
    if name not in allowed:
        raise OptionError(f"the notebook has no parameter {name!r}; it has: {', '.join(allowed) or '(none)'}")
    return name


def _literal(name: str, value: Value) -> str:
    # The exact type, since a subclass of str could have any repr at all.
    if type(value) not in (str, int, float, bool, type(None)) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise OptionError(
            f"parameter {name!r} is {value!r}; allowed: text, a finite number, True, False, None"
        )
    return repr(value)
