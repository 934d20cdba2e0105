"""How a delimited text file is written: whether quotes enclose fields, and whether blanks follow separators."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from storage.readers.blocks import blocks_of

_LOOKED_AT = 1 << 20  # bytes


class Dialect(NamedTuple):
    """How fields are written.

    Parameters
    ----------
    quoted
        Whether a quote at the start of a field encloses it up to the next one.
    blanks
        Whether a blank follows every separator, which is no part of the field.
    """

    quoted: bool = True
    blanks: bool = False


def dialect_of(path: Path, separator: str) -> Dialect:
    """The dialect of a file, by its first mebibyte.

    Files of tabs are often written without any quoting, and then a review may begin with a quote that nothing closes;
    read as quoted, it would swallow the rows up to the next one. A file is not quoted where some quote does not enclose
    a field of its line and yet all lines have the same number of separators.
    """
    data = next((block.data for block in blocks_of(path, quoted=False)), b"")[:_LOOKED_AT]
    header = data.split(b"\n", 1)[0]
    mark = separator.encode()
    blanks = mark in header and header.count(mark) == len(re.findall(re.escape(mark) + b" +\\S", header))
    plain = without_blanks(data, separator) if blanks else data
    return Dialect(quoted=_encloses(plain, mark), blanks=blanks)


def without_blanks(data: bytes, separator: str) -> bytes:
    """Records without the blanks between a separator and a quote, so that the quote starts the field."""
    mark = separator.encode()
    return re.sub(re.escape(mark) + rb' +"(?!")', mark + b'"', data)


def _encloses(data: bytes, mark: bytes) -> bool:
    """Whether all quotes enclose fields, or else lines are not records."""
    m = re.escape(mark)
    enclosed = rb"(?:^|(?<=[\n" + m + rb']))"(?:[^"\n' + m + rb']|"")*"(?=[\r\n' + m + rb"]|$)"
    if b'"' not in re.sub(enclosed, b"", data):
        return True
    lines = [line for line in data.split(b"\n")[:-1] if line.strip()]
    return any(line.count(mark) != lines[0].count(mark) for line in lines)
