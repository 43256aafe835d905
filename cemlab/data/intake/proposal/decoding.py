"""How a text file seems to be encoded, told by its bytes."""

from __future__ import annotations

import codecs
import re

from cemlab.errors import DataError

# bytes that cp1252 leaves out; a file that has them was written in something else
_NOT_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


def decoded(raw: bytes, *, whole: bool) -> tuple[str, str, list[str], list[str]]:
    """Return encoding, text, reasons and doubts."""
    marks = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    for mark, name in marks:
        if raw.startswith(mark):
            codec = "utf-8-sig" if name == "utf-8" else name
            reasons = (
                [] if name == "utf-8" else [f"encoding {name}: the file begins with its byte order mark"]
            )
            return name, codecs.getincrementaldecoder(codec)("replace").decode(raw, final=whole), reasons, []
    if b"\0" in raw:
        return _decoded_wide(raw, whole=whole)
    try:
        return "utf-8", codecs.getincrementaldecoder("utf-8")().decode(raw, final=whole), [], []
    except UnicodeDecodeError as error:
        place = f"line {raw.count(chr(10).encode(), 0, error.start) + 1}"
    if set(raw) & _NOT_CP1252:
        doubt = (
            f"the file is no UTF-8 (first in {place}), and no Western Windows text either; iso-8859-1 is "
            "named here because it reads any bytes: ask how the file was written (cp1250, cp850, mac-roman …)"
        )
        return "iso8859-1", raw.decode("iso8859-1"), [], [doubt]
    text = raw.decode("cp1252")
    if any(0x80 <= byte < 0xA0 for byte in raw):
        reason = f"encoding cp1252: no UTF-8 (first in {place}), and it has characters that iso-8859-1 lacks"
        return "cp1252", text, [f"{reason}{_sample(text)}"], []
    doubt = (
        f"the file is no UTF-8 (first in {place}); cp1252 and iso-8859-1 read it alike, "
        f"iso-8859-15, cp1250 and others differ in single letters{_sample(text)}: look whether the letters "
        "are right"
    )
    return "cp1252", text, [], [doubt]


def _decoded_wide(raw: bytes, *, whole: bool) -> tuple[str, str, list[str], list[str]]:
    """Return as :func:`decoded` a text of two bytes a character: every other byte is nought."""
    even, odd = raw[0::2].count(0), raw[1::2].count(0)
    if 5 * max(even, odd) < len(raw) or 10 * min(even, odd) > max(even, odd):
        raise DataError("it is no text: it holds bytes of value nought")
    name = "utf-16-le" if odd > even else "utf-16-be"
    reason = f"encoding {name}: every other byte is nought, and there is no byte order mark"
    return name, codecs.getincrementaldecoder(name)("replace").decode(raw, final=whole), [reason], []


def _sample(text: str) -> str:
    words = re.findall(r"\w*[^\W\d_\x00-\x7f]\w*", text)
    return (
        f"; read so it has e.g. {', '.join(dict.fromkeys(word[:20] for word in words[:5]))}" if words else ""
    )
