"""Public data sets: from the cache, or downloaded once and verified, as companies of the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cemlab import places
from cemlab.data.download import NoNetworkError, sums, unavailable
from cemlab.data.download import download as download_file
from cemlab.data.registry import DATASETS, Dataset
from cemlab.errors import DataError, DatasetUnavailableError, NotFoundError, one_of

if TYPE_CHECKING:
    from cemlab.data.company import Company

__all__ = ["DATASETS", "Dataset", "available", "company_for", "fetch", "load", "raw_file"]


def available(name: str) -> bool:
    """Say whether a data set can be used without a network.

    Parameters
    ----------
    name
        A name in :data:`DATASETS`.

    Returns
    -------
    bool
        True if its file is in the cache and has the right sum.

    Raises
    ------
    NotFoundError
        If there is no such data set.
    """
    dataset = _dataset(name)
    try:
        return sums(dataset, _place(dataset))[0]
    except OSError:
        return False


def raw_file(name: str, *, download: bool = True) -> Path:
    """Return the verified file of a data set as it was published.

    Parameters
    ----------
    name
        A name in :data:`DATASETS`.
    download
        Whether to download it if it is not in the cache.

    Returns
    -------
    Path
        The file in the cache folder (:func:`cemlab.places.cache_folder`).

    Raises
    ------
    NotFoundError
        If there is no such data set.
    DataError
        If a file of that name is in the cache but is another one; it is neither used nor replaced.
    DatasetUnavailableError
        If it is not in the cache and not to be had; the line names the file, its address and where to put it.
    """
    dataset = _dataset(name)
    path = _place(dataset)
    try:
        good, found = sums(dataset, path)
    except (FileNotFoundError, NotADirectoryError):
        if not download:
            line = unavailable(dataset, path.parent, reason="is not in the cache")
            raise DatasetUnavailableError(line) from None
        download_file(dataset, path)
        return path
    except OSError as error:
        reason = f"is in the cache but cannot be read ({error.strerror or error})"
        raise DatasetUnavailableError(unavailable(dataset, path.parent, reason=reason)) from error
    if not good:
        raise DataError(
            f"{path} is not the file of the data set {name!r}: its SHA-256 is {found}, but the registry says "
            f"{dataset.sha256}; it was not used; delete it, and it is downloaded again from {dataset.address}"
        )
    return path


def load(name: str, *, download: bool = True) -> Company:
    """Open a public data set as a company of the data contract.

    Parameters
    ----------
    name
        A name in :data:`DATASETS`.
    download
        Whether to download it if it is not in the cache.

    Returns
    -------
    Company
        Its tables, in the memory of an embedded engine that can read no file; what was left out or
        changed on the way stands with counts in ``info.notes``. How each file is read stands in the settings
        of ``data/adapters``.

    Raises
    ------
    NotFoundError, DataError, DatasetUnavailableError
        As :func:`raw_file`.
    """
    path = raw_file(name, download=download)
    from cemlab.data import adapters

    return adapters.adapt(DATASETS[name], path)


def company_for(data: str | Path | None, *, public: str) -> Company:
    """Open what a notebook shall run on: the user's own tables, or else a public data set.

    Parameters
    ----------
    data
        The folder with the user's tables; none for the public data set.
    public
        A name in :data:`DATASETS`.

    Returns
    -------
    Company
        Where the public data set is neither in the cache nor to be had, the small invented tables that
        come with cemlab; its name, source and notes then say so.

    Raises
    ------
    CemlabError
        As :meth:`Company.open` and :func:`load`; a damaged file in the cache is never passed over.

    Examples
    --------
    >>> from cemlab.places import bundled
    >>> company_for(bundled("data") / "small", public="telco").info.name
    'small'
    """
    from cemlab.data.company import Company

    if data is not None:
        return Company.open(data)
    try:
        return load(public)
    except DatasetUnavailableError as error:
        small = Company.open(places.bundled("data") / "small")
        missing = _dataset(public).title
        notes = (
            f"These are the small invented tables that come with cemlab: {missing} was not to be had.",
            str(error),
        )
        info = replace(
            small.info,
            name="Small invented tables",
            source=f"small invented tables that come with cemlab, in place of {missing}",
            fictional=True,
            notes=notes,
        )
        return replace(small, info=info)


def fetch(names: Iterable[str] | None = None, *, report: Callable[[str], None] = print) -> list[str]:
    """Download what is missing, and say what is there and what is not.

    It never fails for want of a network: after the first address that cannot be reached it tries no other.

    Parameters
    ----------
    names
        Names in :data:`DATASETS`; all if not given.
    report
        What to do with each line of the report.

    Returns
    -------
    list of str
        The data sets that can be used now, in the order asked for.

    Raises
    ------
    NotFoundError
        If there is no data set of a name.
    """
    wanted = [_dataset(name) for name in (DATASETS if names is None else names)]
    there: list[str] = []
    missing: list[str] = []
    offline = False
    for dataset in wanted:
        try:
            raw_file(dataset.name, download=not offline)
        except NoNetworkError as error:
            offline = True
            report(str(error))
        except (DataError, DatasetUnavailableError) as error:
            # once offline, the same line for every file would only hide the first
            if isinstance(error, DataError) or not offline:
                report(str(error))
        else:
            there.append(dataset.name)
            continue
        missing.append(dataset.name)
    if there:
        report(f"Public data in {places.cache_folder()}: {', '.join(there)}.")
    if missing:
        report(f"Not there: {', '.join(missing)}; what needs them runs on the small tables or is skipped.")
    return there


def _dataset(name: str) -> Dataset:
    if name not in DATASETS:
        raise NotFoundError(one_of(name, DATASETS, what="public data set"))
    return DATASETS[name]


def _place(dataset: Dataset) -> Path:
    return places.cache_folder() / dataset.file
