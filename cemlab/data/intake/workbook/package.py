"""The package that an .xlsx file is: opened only where it is one and is harmless."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from defusedxml.common import DefusedXmlException, DTDForbidden
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from cemlab.data.intake.folder import open_regular
from cemlab.errors import CemlabError, DataError

#: What to do about a file that cannot be read to its end.
DAMAGED = "open it in Excel and save it anew, or get it anew from where it was made"

_PIECE = 1 << 17  # bytes unpacked at a time
_PARTS = 10_000  # parts of a package: Excel writes a few for every sheet
_BOMB, _BOMB_FLOOR, _BOMB_RATIO = 1 << 30, 64 << 20, 200
_TRANSITIONAL = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NOT_A_WORKBOOK = (
    (b"PAR1", "a Parquet file; rename it to .parquet"),
    (b"\x1f\x8b", "a gzip file; unpack it"),
    (b"%PDF-", "a PDF document; export the table as .xlsx or CSV"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file; unpack it"),
)


@contextmanager
def opened(path: Path, *, limit: int | None = None) -> Iterator[zipfile.ZipFile]:
    """Open a workbook's package after proving that it is one and cannot blow up.

    Whatever goes wrong while it is open is one line that names the file.

    Raises
    ------
    DataError
        If it is no workbook, protected, damaged, too large when unpacked, or holds what is not read.
    """
    with open_regular(path) as file:
        _check_magic(file, path.name)
        try:
            with zipfile.ZipFile(file) as archive:
                _check_parts(archive, path, limit=limit)
                yield archive
        except (ParseError, DefusedXmlException) as error:
            raise DataError(f"{path.name}: {_xml_fault(error)}; {DAMAGED}") from error
        except CemlabError:
            raise
        except (ValueError, IndexError, KeyError) as error:
            reason = str(error.args[0])[:120] if error.args else type(error).__name__
            raise DataError(f"{path.name}: breaks the rules of its format ({reason}); {DAMAGED}") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            reason = str(error).strip().splitlines()[0][:120] if str(error).strip() else type(error).__name__
            raise DataError(f"{path.name}: is damaged or truncated ({reason}); {DAMAGED}") from error


def parse(
    archive: zipfile.ZipFile,
    part: str,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    data: Callable[[str], None] | None = None,
) -> None:
    """Parse one part as a whole; see :func:`pieces`."""
    with archive.open(part) as stream:
        for _ in pieces(stream, start, end, data):
            pass


def pieces(
    stream: IO[bytes],
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    data: Callable[[str], None] | None = None,
) -> Iterator[int]:
    """Parse XML piece by piece, in bounded memory; no document type, and so no entity, is allowed.

    The callbacks get the names of elements without their namespace where that is the one of
    spreadsheets (either edition), and with it where it is another.

    Yields
    ------
    int
        The number of bytes in the piece that was parsed.
    """
    guarded = DefusedXMLParser(target=object(), forbid_dtd=True)
    expat: Any = guarded.parser  # the guards stay on it; its events go to us instead of into a tree
    expat.ordered_attributes = False
    expat.DefaultHandlerExpand = None
    names: dict[str, str] = {}

    def short(tag: str) -> str:
        space, _, local = tag.rpartition("}")
        names[tag] = local if space in (_TRANSITIONAL, _STRICT, "") else f"{{{tag}"
        return names[tag]

    expat.StartElementHandler = lambda tag, attributes: start(names.get(tag) or short(tag), attributes)
    expat.EndElementHandler = end and (lambda tag: end(names.get(tag) or short(tag)))
    expat.CharacterDataHandler = data
    while piece := stream.read(_PIECE):
        guarded.feed(piece)
        yield len(piece)
    guarded.close()


def _check_magic(file: IO[bytes], name: str) -> None:
    head = file.read(2048)
    if not head:
        raise DataError(f"{name}: is empty; {DAMAGED}")
    if head.startswith(b"PK"):
        file.seek(0)
        return
    what = next((what for magic, what in _NOT_A_WORKBOOK if head.startswith(magic)), None)
    if head.startswith(_OLE):
        what = "an old Excel workbook (.xls); save it as .xlsx"
        if _holds(file, "EncryptedPackage".encode("utf-16-le")):
            what = "protected with a password; save it without one"
    elif what is None:
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        what = "text, not a workbook; rename it to .csv if that is what it is"
        if text.startswith(b"<") and b"urn:schemas-microsoft-com:office:spreadsheet" in text:
            what = "an Excel 2003 XML file; save it as .xlsx"
        elif text.startswith((b"<", b"mime-version")):
            what = "a web page that was renamed; open it in Excel and save it as .xlsx"
        elif b"\0" in head:
            what = "no workbook; save the table as .xlsx or CSV"
    raise DataError(f"{name}: is {what}")


def _holds(file: IO[bytes], wanted: bytes) -> bool:
    kept = b""
    while piece := file.read(_PIECE):
        if wanted in kept + piece:
            return True
        kept = piece[-len(wanted) :]
    return False


def _check_parts(archive: zipfile.ZipFile, path: Path, *, limit: int | None) -> None:
    parts = archive.infolist()
    names = {part.filename for part in parts}
    if len(parts) > _PARTS or len(names) < len(parts):
        what = f"{len(parts):,} parts" if len(parts) > _PARTS else "a part twice"
        raise DataError(f"{path.name}: holds {what}, as no workbook does; {DAMAGED}")
    if any(part.flag_bits & 1 for part in parts):
        raise DataError(f"{path.name}: is protected with a password; save it without one")
    size, packed = sum(part.file_size for part in parts), path.stat().st_size
    bomb = size > _BOMB or (size > _BOMB_FLOOR and size > _BOMB_RATIO * packed)
    if size > limit if limit is not None else bomb:
        raise DataError(
            f"{path.name}: is too large when unpacked, {size / 2**20:,.0f} MiB from {packed / 2**20:,.1f}; "
            "save it as CSV, or allow more with max_unpacked_bytes in cemlab.toml"
        )
    reason = _what_is_not_read(names)
    if reason:
        raise DataError(f"{path.name}: {reason}")


def _what_is_not_read(names: set[str]) -> str | None:
    """Return why a package is not read, told from the names of its parts."""
    lower = {name.lower() for name in names}
    links = sorted(
        name for name in names if "externallinks/" in name.lower() and name.lower().endswith(".xml")
    )
    if any(name.endswith("vbaproject.bin") for name in lower):
        return "holds macros; save it as .xlsx, without them"
    if links:
        return (
            "holds links to other workbooks, whose values nobody can check here; break the links in Excel "
            "(Data, Edit Links) and save it"
        )
    if "xl/workbook.bin" in lower:
        return "is a binary workbook (.xlsb); save it as .xlsx"
    if "content.xml" in lower:
        return "is an OpenDocument file (.ods); save it as .xlsx"
    if "word/document.xml" in lower or "ppt/presentation.xml" in lower:
        return "is another Office document, not a workbook; save the table as .xlsx"
    if "[content_types].xml" not in lower:
        return "is a zip archive, not a workbook; unpack it"
    return None


def _xml_fault(error: Exception) -> str:
    if isinstance(error, DTDForbidden):
        return "holds a document type declaration, which no workbook needs and which is not read"
    if isinstance(error, DefusedXmlException) or "entity" in str(error):
        return "holds XML entities, which no workbook needs"
    return "holds broken XML"
