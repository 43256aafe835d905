"""Opening a simulated company: made once, kept, and made again when the code that makes it has changed."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cemlab import places
from cemlab.errors import DataError, DesignError
from cemlab.simulate.halden import CUSTOMERS, Halden
from cemlab.simulate.writing import TRUTH, code_digest, write

if TYPE_CHECKING:
    from cemlab.data.company import Company

_opened: list[Company] = []  # what a notebook runs on: none, or one


def company(*, customers: int = CUSTOMERS, seed: int = 1, world: str = "default") -> Company:
    """Open a simulated company.

    Parameters
    ----------
    customers
        How many.
    seed
        Which of all possible companies.
    world
        What is planted; a name in :data:`cemlab.simulate.WORLDS`.

    Returns
    -------
    Company
        All tables of the data contract. The first time they are simulated, which takes some seconds, and
        kept in :func:`cemlab.places.made_folder`.

    Raises
    ------
    OptionError
        If there can be no such company.
    DataError
        If it cannot be kept.
    """
    from cemlab.data.company import Company

    return Company.open(kept(Halden(customers=customers, seed=seed, world_name=world)))


def company_for(data: str | Path | None) -> Company:
    """Open what a notebook shall run on: the user's own tables, or else the simulated company Halden.

    Parameters
    ----------
    data
        The folder with the user's tables; none for Halden.
    """
    if data is None:
        chosen = company()
    else:
        from cemlab.data.company import Company

        chosen = Company.open(data)
    _opened[:] = [chosen]
    return chosen


def opened() -> Company | None:
    """Return the company that :func:`company_for` opened last in this process; None before the first."""
    return _opened[0] if _opened else None


def kept(halden: Halden) -> Path:
    """Return the folder of a simulated company; it is made if it is not there or other code made it."""
    folder = places.made_folder() / f"{halden.world_name}-{halden.customers}-{halden.seed}"
    if _code(folder) == code_digest():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return write(folder, halden, force=True)
    except (OSError, DataError) as error:
        if _code(folder) == code_digest():  # another process was faster
            return folder
        raise DataError(f"the simulated company cannot be kept: {error}") from error


def halden_of(company: Company) -> Halden:
    """Return which simulated company this is.

    Raises
    ------
    DesignError
        If it is not one, or was made by other code than ours, so that no truth can be had.
    """
    said = _said(company.info.folder)
    if said is None:
        raise DesignError(
            f"{company.info.name} is not a simulated company, so there is no truth to compare with; "
            "open one with cemlab.simulate.company()"
        )
    if said.get("code") != code_digest():
        again = f"--customers {said.get('customers')} --seed {said.get('seed')} --world {said.get('world')}"
        raise DesignError(
            f"{company.info.name} was simulated by other code than this, so its truth cannot be replayed; "
            f"make it again with cemlab simulate --force {again}"
        )
    return Halden(customers=said["customers"], seed=said["seed"], world_name=said["world"])


def _code(folder: Path) -> str | None:
    said = _said(folder)
    return None if said is None else said.get("code")


def _said(folder: Path | None) -> dict[str, Any] | None:
    if folder is None:
        return None
    try:
        said = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    except json.JSONDecodeError as error:
        warnings.warn(f"{folder / TRUTH} cannot be read ({error}); it is left out", stacklevel=3)
        return None
    return said if isinstance(said, dict) and said.get("company") == "Halden" else None
