"""Where things lie: the notebooks and small tables that come with cemlab, and the user's cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from cemlab.errors import NotFoundError

CACHE_SETTING = "CEMLAB_DATA"


def bundled(folder: Literal["notebooks", "data"]) -> Path:
    """Return a folder that comes with cemlab, from the checkout or from the installed wheel.

    Examples
    --------
    >>> (bundled("data") / "README.md").exists()
    True
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "_bundle" / folder, package.parent / folder):
        if candidate.is_dir():
            return candidate
    raise NotFoundError(
        f"the folder {folder!r} that comes with cemlab is missing beside {package}; install cemlab again"
    )


def made_folder() -> Path:
    """Return the folder in which simulated companies are kept: data/halden of a checkout, else of the cache.

    It need not exist yet. The user's own cache is meant, not the one that ``CEMLAB_DATA`` names, which may be
    read-only.
    """
    checkout = Path(__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file() and os.access(checkout / "data", os.W_OK):
        return checkout / "data" / "halden"
    from platformdirs import user_cache_path

    return user_cache_path("cemlab") / "halden"


def cache_folder() -> Path:
    """Return the folder in which public data sets are looked for and kept.

    It is the one named by the environment variable ``CEMLAB_DATA``, or else the user's cache
    folder of this operating system. It need not exist yet, and it may be read-only.
    """
    setting = os.environ.get(CACHE_SETTING)
    if setting:
        return Path(setting).expanduser().resolve()
    from platformdirs import user_cache_path

    return user_cache_path("cemlab")
