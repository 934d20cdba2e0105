"""Whether a file is UTF-8 text, and the error for one that cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path

from storage.errors import DataError

_BLOCK = 1 << 20


def is_utf8(path: Path) -> bool:
    """Whether a whole file is UTF-8 text."""
    return _first_invalid(path) is None


def recode_latin_1(path: Path, target: Path) -> Path:
    """Write a file of ISO 8859-1 text as UTF-8 to `target`; returns `target`."""
    with (
        path.open(encoding="iso-8859-1", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as plain,
    ):
        shutil.copyfileobj(source, plain, _BLOCK)
    return target


def unreadable(file: Path, error: BaseException) -> DataError:
    """The error for a file that Polars cannot read: the line of the first byte that is not UTF-8, or Polars' reason."""
    if isinstance(error, FileNotFoundError):
        return DataError("no such file", remedy="Check the path", file=file)
    if file.is_file() and (invalid := _first_invalid(file)) is not None:
        line, byte = invalid
        return DataError(
            f"not UTF-8 text (byte {byte:#04x})",
            remedy="Convert the file to UTF-8, or fetch it again",
            file=file,
            row=line,
        )
    return DataError(f"not readable ({first_line(error)})", remedy="Check the file, or fetch it again", file=file)


def first_line(error: BaseException) -> str:
    """The first line of what a library says."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def _first_invalid(path: Path) -> tuple[int, int] | None:
    """Line and value of the first byte that is not UTF-8."""
    line = 1
    with path.open("rb") as file:
        for content in file:
            try:
                content.decode("utf-8")
            except UnicodeDecodeError as error:
                return line, content[error.start]
            line += 1
    return None
