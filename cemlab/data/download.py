"""Downloading one pinned file: all of it and verified, or nothing at all."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.client
import os
import queue
import secrets
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from cemlab.data.registry import Dataset
from cemlab.errors import DatasetUnavailableError
from cemlab.places import CACHE_SETTING

#: How long the first answer may take, name look-up and handshake included: offline, nobody waits longer.
FIRST_ANSWER_SECONDS = 5.0
_READ_SECONDS = 30.0
_TRIES = 3
_PAUSE_SECONDS = 0.5
_AT_ONCE = 8
_CHUNK = 1 << 16

_Advance = Callable[[int], None]


#: Environment variable that, set to anything, forbids downloads.
OFFLINE_SETTING = "CEMLAB_OFFLINE"


class NoNetworkError(DatasetUnavailableError):
    """An address could not be reached at all, so that trying the next one is of no use either."""


class _BrokenError(Exception):
    """Why one address gave nothing; ``offline`` if it was never reached, ``again`` if a retry may help."""

    def __init__(self, reason: str, *, offline: bool = False, again: bool = False) -> None:
        super().__init__(reason)
        self.offline = offline
        self.again = again


def unavailable(dataset: Dataset, folder: Path, *, reason: str) -> str:
    """Return the line that says which file is missing, why, where it is to be had and where to put it.

    Examples
    --------
    >>> from cemlab.data.registry import DATASETS
    >>> unavailable(DATASETS["rossi"], Path("cache"), reason="is not in the cache")
    'rossi.csv (Rossi recidivism study) is not in the cache; get it from https://...rossi.csv and
    put it as rossi.csv into the folder cache, or name another folder in CEMLAB_DATA'
    """
    joined = f" ({len(dataset.parts)} files, joined in order under one header, compressed with gzip)"
    return (
        f"{dataset.file} ({dataset.title}) {reason}; get it from {dataset.address}"
        f"{joined if dataset.parts else ''} and put it as {dataset.file} into the folder {folder}, "
        f"or name another folder in {CACHE_SETTING}"
    )


def sums(dataset: Dataset, path: Path) -> tuple[bool, str]:
    """Say whether a file is the data set's, and return its SHA-256.

    A compressed file is also good if what is in it has the right sum. No more is decompressed than
    the data set is long.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found == dataset.sha256:
        return True, found
    if not dataset.content_sha256:
        return False, found
    digest, length = hashlib.sha256(), 0
    try:
        with gzip.open(path, "rb") as content:
            while length <= dataset.size and (chunk := content.read(_CHUNK)):
                digest.update(chunk)
                length += len(chunk)
    except (OSError, EOFError, ValueError):  # not gzip, cut short, or spoilt
        return False, found
    return digest.hexdigest() == dataset.content_sha256, found


def download(dataset: Dataset, target: Path) -> None:
    """Download a data set to a file that does not exist yet.

    The bytes go to a hidden file in the same folder, which takes the final name only when it is
    complete, on disk and verified.

    Raises
    ------
    NoNetworkError
        If the address cannot be reached, or the environment variable CEMLAB_OFFLINE is set.
    DatasetUnavailableError
        If the folder cannot be written, the address answers with an error or breaks off, or what
        comes has another sum; nothing is kept then.
    """
    if os.environ.get(OFFLINE_SETTING):
        reason = f"is not in the cache, and the setting {OFFLINE_SETTING} forbids downloads"
        raise NoNetworkError(unavailable(dataset, target.parent, reason=reason))
    partial = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            _write(dataset, file)
            file.flush()
            os.fsync(file.fileno())
        good, found = sums(dataset, partial)
        if not good:
            wanted = f"{found}, but the registry says {dataset.sha256}"
            raise _BrokenError(f"was refused: what came has SHA-256 {wanted}, so nothing was kept")
        partial.replace(target)
    except _BrokenError as broken:
        kind = NoNetworkError if broken.offline else DatasetUnavailableError
        raise kind(unavailable(dataset, target.parent, reason=str(broken))) from broken
    except OSError as error:
        reason = f"is not in the cache, and the cache folder cannot be written ({error.strerror or error})"
        raise DatasetUnavailableError(unavailable(dataset, target.parent, reason=reason)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _write(dataset: Dataset, file: BinaryIO) -> None:
    """Write the bytes of a data set, with a progress bar where somebody watches."""
    with _progress(dataset) as advance:
        if not dataset.parts:
            file.write(_fetch(dataset.address, dataset.size, advance, seconds=FIRST_ANSWER_SECONDS))
            return
        # no time and a fixed name inside, so that the same compressor writes the same bytes
        inside = dataset.file.removesuffix(".gz")
        with gzip.GzipFile(inside, "wb", compresslevel=9, fileobj=file, mtime=0) as packed:
            for piece in _joined(dataset, advance):
                packed.write(piece)


def _joined(dataset: Dataset, advance: _Advance) -> Iterator[bytes]:
    """Yield the parts in order: the first as it is, the others without their header."""
    addresses = [dataset.address + part for part in dataset.parts]
    first = _fetch(addresses[0], dataset.size, advance, seconds=FIRST_ANSWER_SECONDS)
    header = first.partition(b"\n")[0]
    length = len(first)
    yield _ended(first)
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        rest = pool.map(lambda a: _fetch(a, dataset.size, advance, seconds=_READ_SECONDS), addresses[1:])
        for address, body in zip(addresses[1:], rest, strict=True):
            top, _, lines = body.partition(b"\n")
            if top != header:
                raise _BrokenError(f"could not be joined: {address} has another header than the first file")
            length += len(lines)
            if length > dataset.size:
                raise _BrokenError(
                    f"was refused: the parts hold more than the {dataset.size:,} bytes they should"
                )
            yield _ended(lines)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ended(lines: bytes) -> bytes:
    return lines if lines.endswith(b"\n") or not lines else lines + b"\n"


def _fetch(address: str, limit: int, advance: _Advance, *, seconds: float) -> bytes:
    """Return the bytes at an address, trying again where the fault may pass."""
    for attempt in range(1, _TRIES + 1):
        try:
            with contextlib.closing(_answer(address, seconds)) as response:
                return _read(response, address, limit, advance)
        except _BrokenError as broken:
            if not broken.again or attempt == _TRIES:
                raise
            time.sleep(_PAUSE_SECONDS * attempt)
    raise AssertionError  # the last attempt returns or raises


def _read(response: Any, address: str, limit: int, advance: _Advance) -> bytes:
    """Read an answer to its end, and no further than the file is long."""
    announced = response.headers.get("Content-Length")
    pieces, length = [], 0
    try:
        while length <= limit and (piece := response.read(_CHUNK)):
            pieces.append(piece)
            length += len(piece)
            advance(len(piece))
    except (OSError, http.client.HTTPException) as error:
        advance(-length)
        raise _BrokenError(
            f"could not be downloaded: {address} broke off after {length:,} bytes "
            f"({error or type(error).__name__})",
            again=True,
        ) from error
    if length > limit:
        raise _BrokenError(f"was refused: {address} sends more than the {limit:,} bytes it should have")
    if announced is not None and announced.isdecimal() and length < int(announced):
        advance(-length)
        raise _BrokenError(
            f"could not be downloaded: {address} broke off after {length:,} of {int(announced):,} bytes",
            again=True,
        )
    return b"".join(pieces)


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an https address."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            fp.close()
            raise _BrokenError(
                f"could not be downloaded: {req.full_url} redirects to {newurl}, which is not https"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _answer(address: str, seconds: float) -> Any:
    """Return the open answer of an address, or say within so many seconds that there is none.

    A socket's time-out covers neither the look-up of the name nor the several addresses a name may
    have, so the asking is done beside and given up on.
    """
    answers: queue.Queue[Any] = queue.Queue(1)
    given_up = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(
            address, headers={"User-Agent": "cemlab", "Accept-Encoding": "identity"}
        )
        try:
            response = urllib.request.build_opener(_NoDowngrade).open(request, timeout=_READ_SECONDS)
        except Exception as error:  # handed over to the thread that asked
            answers.put(error)
            return
        answers.put(response)
        if given_up.is_set():
            response.close()

    threading.Thread(target=ask, daemon=True, name="cemlab-download").start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        given_up.set()
        host = urlsplit(address).hostname
        raise _BrokenError(
            f"could not be downloaded: {host} did not answer within {seconds:g} s", offline=True
        ) from None
    if isinstance(answer, Exception):
        raise _explained(answer, address) from answer
    return answer


def _explained(error: Exception, address: str) -> _BrokenError:
    """Return what the failure of an address means to the user."""
    start = "could not be downloaded:"
    if isinstance(error, _BrokenError):
        return error
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        passing = error.code == 429 or error.code >= 500
        return _BrokenError(f"{start} {address} answers {error.code} {error.reason}", again=passing)
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLError):
        return _BrokenError(
            f"{start} the certificate of {urlsplit(address).hostname} is not accepted ({reason})"
        )
    if isinstance(reason, (http.client.HTTPException, ConnectionResetError)):
        return _BrokenError(f"{start} {address} broke off ({reason or type(reason).__name__})", again=True)
    detail = reason.strerror if isinstance(reason, (OSError, socket.gaierror)) else reason
    return _BrokenError(
        f"{start} {urlsplit(address).hostname} cannot be reached ({detail or reason})", offline=True
    )


@contextlib.contextmanager
def _progress(dataset: Dataset) -> Iterator[_Advance]:
    """Show a progress bar on a terminal, and nothing anywhere else."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"Downloading {dataset.title}", total=dataset.size)
        yield lambda n: progress.advance(task, n)
