"""gzip files unpacked as a stream: one member or several, and what may stand behind them."""

from __future__ import annotations

import zlib
from typing import IO

_PIECE = 1 << 18  # packed bytes read at once
_WITH_HEADER = 16 + zlib.MAX_WBITS


class GzipStream:
    r"""Unpack a gzip file; zero bytes behind its last member, as tape tools write them, are passed over.

    Parameters
    ----------
    file
        The packed file.

    Examples
    --------
    >>> import gzip, io
    >>> GzipStream(io.BytesIO(gzip.compress(b"a,b\n") + bytes(512))).read(100)
    b'a,b\n'
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._packed = b""
        self._member = zlib.decompressobj(_WITH_HEADER)

    def read(self, size: int) -> bytes:
        """Return up to `size` unpacked bytes, b"" at the end of the file.

        Raises
        ------
        EOFError
            The file ends within a member.
        zlib.error
            The file is damaged, or something else than zeros stands behind a member.
        """
        while True:
            self._packed = self._packed or self._file.read(_PIECE)
            if self._member.eof:
                if not self._packed or self._is_padding():
                    return b""
                self._member = zlib.decompressobj(_WITH_HEADER)
            if not self._packed:
                raise EOFError("the file ends within a member")
            unpacked = self._member.decompress(self._packed, size)
            self._packed = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if unpacked:
                return unpacked

    def _is_padding(self) -> bool:
        """Whether zeros and nothing else follow, which are then read to their end."""
        if self._packed[0]:
            return False
        while self._packed:
            if self._packed.strip(b"\0"):
                raise zlib.error("something follows the zeros behind a member")
            self._packed = self._file.read(_PIECE)
        return True
