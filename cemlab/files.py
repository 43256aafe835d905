"""Writing a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def write_atomically(path: Path, text: str | bytes) -> None:
    """Write text or bytes so that a reader sees the old file or the new one, never half of one.

    Parameters
    ----------
    path
        The file; it is replaced if it exists. Its folder must exist.
    text
        The content; text is written as UTF-8 with line ends as given.
    """
    # In the same folder, since a file cannot be moved in one step from one disk to another.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        os.replace(part, path)  # noqa: PTH105 - the name says what the promise rests on
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
