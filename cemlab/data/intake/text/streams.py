"""The bytes of a text file, plain or packed, whatever its encoding: strict UTF-8 comes out."""

from __future__ import annotations

import codecs
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa

from cemlab.data.intake.text.gzipped import GzipStream
from cemlab.errors import DataError, NotFoundError

#: A packed file may hold this much more than its own size; what is more is taken for a bomb,
UNPACKED_RATIO = 100
#: unless it is small anyway (bytes).
UNPACKED_FLOOR = 128 << 20

_PIECE = 8 << 20  # packed bytes asked for at once
_PROBE = 4096  # bytes in which an encoding or a format shows itself
_UNPACKERS = {".gz": "gzip", ".zst": "zstd"}
_BOM = "\ufeff".encode()
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MAGIC = (
    (_GZIP, "a gzip file; name it with .gz at the end"),
    (_ZSTD, "a Zstandard file; name it with .zst at the end"),
    (b"%PDF-", "a PDF document; export the table as CSV"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls); save it as .xlsx or CSV"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it"),
    (b"\xfd7zXZ\x00", "an xz file; unpack it, or pack it with gzip"),
    (b"BZh91AY&SY", "a bzip2 file; unpack it, or pack it with gzip"),
    (b"SQLite format 3\x00", "an SQLite database; export the table as CSV"),
    (b"ARROW1\x00\x00", "an Arrow file; save the table as Parquet"),
    (b"{\\rtf", "a rich text document; export the table as CSV"),
)
# codecs of Python that read no table: they interpret escapes or serve domain names
_NO_ENCODINGS = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})


class TextStream:
    """Read a text file, packed or not, as strict UTF-8 without its byte order mark.

    Parameters
    ----------
    path
        The file; .gz and .zst at the end of its name say that it is packed.
    encoding
        What the file is written in.
    max_unpacked_bytes
        The most that a packed file may hold; None for 100 times its size, and 128 MiB in any case.

    Attributes
    ----------
    packed
        How many bytes of the file itself were read so far.

    Raises
    ------
    NotFoundError
        There is no such regular file.
    DataError
        The file is not what its name says, is damaged or too large when unpacked, or is not written in
        the encoding; also where no such encoding is known.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = Path(folder.name) / "stores.csv"
    >>> _ = file.write_bytes("Straße;Köln".encode("cp1252"))
    >>> with TextStream(file, encoding="cp1252") as stream:
    ...     stream.read(100).decode()
    'Straße;Köln'
    >>> folder.cleanup()
    """

    def __init__(self, path: Path, *, encoding: str = "utf-8", max_unpacked_bytes: int | None = None) -> None:
        if not path.is_file():
            raise NotFoundError(f"{path.name}: there is no such regular file; check the name and the folder")
        self.packed = 0
        self._name = path.name
        self._size = path.stat().st_size
        self._limit = max_unpacked_bytes
        self._begun = False
        self._unpacked = 0
        self._line_feeds = self._returns = 0
        self._encoding, self._decoder = _decoder(encoding, self._name)
        self._file: IO[bytes] = path.open("rb")
        try:
            self._codec = self._check_magic()
            self._source = self._open_source()
            self._rest = self._first()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> TextStream:
        """Return the stream; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # a reader of which only the header was wanted
            self.close()

    def read(self, size: int) -> bytes:
        """Return about `size` bytes of the text, fewer only at its end, b"" after it.

        Raises
        ------
        DataError
            The file is damaged or too large when unpacked, or bytes are not of its encoding.
        """
        pieces, missing = [], size
        while missing > 0:
            raw, self._rest = self._rest[:missing], self._rest[missing:]
            raw = raw or self._unpack(missing)
            if not raw:
                text = self._decode(b"", final=True)
                pieces.append(text)
                break
            text = self._decode(raw, final=False)
            missing -= len(text)
            pieces.append(text)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _check_magic(self) -> str | None:
        """Return how the file is packed, once its first bytes agree with its name."""
        start = self._file.read(_PROBE)
        self._file.seek(max(0, self._size - 4))
        end = self._file.read(4)
        self._file.seek(0)
        codec = _UNPACKERS.get(Path(self._name).suffix.lower())
        if codec is None:
            self._refuse_other_formats(start, end)
        elif not start.startswith(_GZIP if codec == "gzip" else _ZSTD):
            what = "is empty" if not start else f"does not begin as a {codec} file does"
            raise DataError(
                f"{self._name}: the file {what}; allowed after a name like this is {codec}; pack it again "
                f"or name it as what it is"
            )
        return codec

    def _refuse_other_formats(self, start: bytes, end: bytes) -> None:
        """Refuse bytes that begin as a file does that is no text."""
        what = next((what for magic, what in _MAGIC if start.startswith(magic)), None)
        if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            workbook = b"xl/" in start or b"[Content_Types].xml" in start
            what = (
                "an Excel workbook; name it with .xlsx at the end"
                if workbook
                else "a zip archive; unpack it, or pack the text with gzip"
            )
        elif start.startswith((b"PAR1", b"PARE")) and end in (b"PAR1", b"PARE"):
            what = "a Parquet file; name it with .parquet at the end"
        elif start[257:262] == b"ustar":
            what = "a tar archive; unpack it"
        if what:
            described, advice = what.split("; ")
            raise DataError(
                f"{self._name}: this is {described}, not what its name says; allowed is a text file; {advice}"
            )

    def _open_source(self) -> IO[bytes] | GzipStream:
        if self._codec is None:
            return self._file
        if self._codec == "gzip":
            return GzipStream(self._file)
        return pa.CompressedInputStream(pa.PythonFile(self._file, mode="r"), self._codec)  # type: ignore[no-any-return]

    def _first(self) -> bytes:
        """Return the first raw bytes, once they look like text."""
        start = self._unpack(_PROBE)
        if self._codec is not None:
            self._refuse_other_formats(start, b"")
        utf_16 = _utf_16(start) if self._encoding == "utf-8" else None
        if utf_16:
            raise DataError(
                f"{self._name}: the file is written in {utf_16.upper()[:6]}; allowed without saying so is "
                f'UTF-8; declare it: encoding = "{utf_16}"'
            )
        return start

    def _unpack(self, size: int) -> bytes:
        """Return up to `size` raw bytes as they were before packing."""
        try:
            raw = self._source.read(min(size, _PIECE))
        except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
            if self._codec is None:
                raise
            truncated = isinstance(error, EOFError) or "Truncated" in str(error)
            what = "ends too early" if truncated else "is damaged"
            after = f", after {self._unpacked:,} bytes were unpacked" if self._unpacked else ""
            raise DataError(
                f"{self._name}: the {self._codec} file {what}{after}; allowed is a whole one; fetch or pack "
                f"it again"
            ) from None
        self._unpacked += len(raw)
        self.packed = self._file.tell()
        if self._codec is not None:
            self._check_size()
        return raw

    def _check_size(self) -> None:
        limit = self._limit
        if limit is None:
            limit = max(UNPACKED_FLOOR, UNPACKED_RATIO * self._size)
        if self._unpacked > limit:
            raise DataError(
                f"{self._name}: it is too large when unpacked; allowed are {limit:,} bytes; if this is "
                f"meant, declare max_unpacked_bytes"
            )

    def _decode(self, raw: bytes, *, final: bool) -> bytes:
        """Return raw bytes as UTF-8, keeping an unfinished character for the next call."""
        state = self._decoder.getstate()
        utf_8 = self._encoding == "utf-8"
        if utf_8 and raw.isascii() and not state[0]:
            text = raw
        else:
            try:
                decoded = self._decoder.decode(raw, final)
                unfinished = self._decoder.getstate()[0]
                # what is UTF-8 already is kept, but for a character that ends in the next piece
                text = (state[0] + raw)[: -len(unfinished) or None] if utf_8 else decoded.encode()
            except UnicodeError as error:
                self._decoder.setstate(state)
                raise self._undecodable(raw, error) from None
        if not self._begun and text:
            self._begun = True
            text = text.removeprefix(_BOM)
        self._count_lines(text)
        return text

    def _count_lines(self, text: bytes) -> None:
        """Count line ends, for the place of bytes that cannot be decoded."""
        units = np.frombuffer(text, np.uint8)
        self._line_feeds += int(np.count_nonzero(units == 10))
        if not self._line_feeds:
            self._returns += text.count(b"\r")

    def _undecodable(self, raw: bytes, error: UnicodeError) -> DataError:
        """Return the refusal, its line found by decoding once more, byte by byte in the end."""
        for step in (4096, 1):
            while raw:
                state = self._decoder.getstate()
                try:
                    text = self._decoder.decode(raw[:step])
                except UnicodeError:
                    self._decoder.setstate(state)
                    break
                self._count_lines(text.encode("utf-8", "replace"))
                raw = raw[step:]
        line = 1 + (self._line_feeds or self._returns)
        shown = ""
        if isinstance(error, UnicodeDecodeError):
            bad = error.object[error.start : max(error.end, error.start + 1)][:8]
            shown = f" {bad.hex(' ').upper()}"
        advice = (
            'declare the one it is written in, e.g. encoding = "cp1252" for files of Western Windows programs'
            if self._encoding == "utf-8"
            else "declare the one it is written in, or mend the file"
        )
        return DataError(
            f"{self._name}, line {line}: the bytes{shown} are not {self._encoding}; allowed is one encoding "
            f"for the whole file; {advice}"
        )


def _decoder(encoding: str, name: str) -> tuple[str, codecs.IncrementalDecoder]:
    """Return the encoding's own name and its strict decoder."""
    try:
        known = codecs.lookup(encoding)
        "a".encode(encoding)  # a codec that makes no text of bytes is refused here
    except (LookupError, UnicodeError, ValueError, TypeError):
        known = None
    if known is None or known.name in _NO_ENCODINGS or known.incrementaldecoder is None:
        raise DataError(
            f"{name}: no encoding {encoding[:80]!r} is known; allowed are names such as utf-8, cp1252, "
            f"latin-1, utf-16; declare another"
        )
    canonical = "utf-8" if known.name in ("utf-8", "utf-8-sig") else known.name
    return canonical, codecs.getincrementaldecoder(canonical)("strict")


def _utf_16(start: bytes) -> str | None:
    """Return the name of the encoding if bytes look like UTF-16."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-32" if start.startswith(codecs.BOM_UTF32_LE) else "utf-16"
    pairs = len(start) // 2
    if pairs >= 4:
        # mostly Latin text has a zero in every other byte
        if start[1::2].count(0) > 0.75 * pairs and start[0::2].count(0) < 0.05 * pairs:
            return "utf-16-le"
        if start[0::2].count(0) > 0.75 * pairs and start[1::2].count(0) < 0.05 * pairs:
            return "utf-16-be"
    return None
