"""What a finished notebook depended on, as one short text: if it is the same, it need not run again."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

from cemlab.notebook.parameters import Value
from cemlab.places import bundled, cache_folder, made_folder


def fingerprint(
    notebook: Path,
    parameters: Mapping[str, Value],
    *,
    software: str,
    data: Path | None = None,
    out: Path | None = None,
) -> str:
    """Return the fingerprint of all that a notebook's output depends on.

    It covers the notebook's file, the parameters, the software, and the input: the names, sizes and
    modification times of the files in `data`, or, without it, of the public data sets in the cache
    and the small tables that come with cemlab.

    Parameters
    ----------
    notebook
        The notebook's file.
    parameters
        The values handed in.
    software
        From :func:`software_digest`, which is taken once a run since it costs some tenths of a second.
    data
        The input folder, if one is given.
    out
        The output folder; left out of the listing where it lies inside `data`.

    Returns
    -------
    str
        64 hexadecimal digits.

    Notes
    -----
    Files whose names begin with a dot are left out. Of the cache only the files at its top count:
    those are the data sets as published, and what is derived from them lies deeper.
    """
    if data:
        files = list(_listing(data, deep=True, without=out))
    else:
        # simulated companies follow from the software, and are made while notebooks run
        kept = _listing(bundled("data"), deep=True, without=made_folder())
        files = [*_listing(cache_folder(), deep=False, without=out), *kept]
    parts = [hashlib.sha256(notebook.read_bytes()).hexdigest(), dict(parameters), software, files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _listing(folder: Path, *, deep: bool, without: Path | None = None) -> Iterator[tuple[str, int, int]]:
    paths = sorted(folder.rglob("*") if deep else folder.glob("*")) if folder.is_dir() else []
    for path in paths:
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if hidden or (without is not None and path.is_relative_to(without)) or not path.is_file():
            continue
        status = path.stat()
        yield inside.as_posix(), status.st_size, status.st_mtime_ns


def software_digest() -> str:
    """Return a digest of Python's version, every installed package's version and cemlab's own sources."""
    digest = hashlib.sha256(sys.version.encode())
    package = Path(__file__).resolve().parents[1]
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".j2", ".css") and path.is_file():
            digest.update(f"{path.relative_to(package).as_posix()}\n".encode() + path.read_bytes())
    versions = sorted(f"{found.name}=={found.version}" for found in metadata.distributions())
    digest.update("\n".join(versions).encode())
    return digest.hexdigest()
