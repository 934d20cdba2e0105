"""Files of a source: a folder, one file, or a zip; packed or plain, each found by its name and read as UTF-8 text.

Packed files are unpacked as streams, under names of their own: nothing in an archive says where on the disk it goes.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from storage.errors import DataError
from storage.readers.encoding import first_line, is_utf8, recode_latin_1
from storage.settings.datasets import DatasetSettings

_BLOCK = 1 << 20
_NAME_CHARACTERS = 50  # of a member; a disk takes 255 bytes
_SPARE_BYTES = 1 << 30  # left free on the disk when something is unpacked
# What the standard library raises for archives that are damaged, encrypted or packed in an unknown way.
_DAMAGED = (
    EOFError,
    OSError,
    ValueError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    NotImplementedError,
    RuntimeError,
)


@dataclass(frozen=True)
class SourceFile:
    """A file on the disk, plain or gzip-packed, or a member of an archive.

    Parameters
    ----------
    name
        Its name without folder and without .gz.
    path
        The file on the disk that it is or is packed in.
    member
        Its full name inside the archive; None where it is a file of its own.
    """

    name: str
    path: Path
    member: str | None = None

    @property
    def shown(self) -> Path:
        """How messages name it."""
        return self.path if self.member is None else self.path / PurePosixPath(self.member).name

    def unpacked(self, workspace: Path, *, latin_1: bool = False) -> Path:
        """Path of the plain file; it is this file itself where nothing needs unpacking or recoding.

        Parameters
        ----------
        workspace
            Folder that takes unpacked copies.
        latin_1
            Whether a file that is not UTF-8 is to be read as ISO 8859-1, as old archives are.

        Raises
        ------
        DataError
            Where it is damaged, or the disk has no room for its content.
        """
        plain = self.path
        if self.member is not None or self.path.suffix == ".gz":
            plain = self._copy(_own_folder(workspace) / self.name[-_NAME_CHARACTERS:])
        return recode_latin_1(plain, _own_folder(workspace) / self.name) if latin_1 and not is_utf8(plain) else plain

    def _copy(self, target: Path) -> Path:
        room = shutil.disk_usage(target.parent).free - _SPARE_BYTES
        with target.open("wb") as plain:
            for block in self._blocks():
                room -= len(block)
                if room < 0:
                    raise DataError(
                        "the disk has no room for its unpacked content",
                        remedy="Free some space, or choose another data folder with --data, and run again",
                        file=self.shown,
                    )
                plain.write(block)
        return target

    def _blocks(self) -> Iterator[bytes]:
        try:
            with self._open() as packed:
                while block := packed.read(_BLOCK):
                    yield block
        except _DAMAGED as error:
            raise DataError(
                f"truncated or damaged archive ({first_line(error)})",
                remedy="Fetch the file again from its publisher",
                file=self.shown,
            ) from error

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if self.member is None:
            with gzip.open(self.path) as file:
                yield file  # type: ignore[misc]
        elif zipfile.is_zipfile(self.path):
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as member:
                yield gzip.GzipFile(fileobj=member) if self.member.endswith(".gz") else member  # type: ignore[misc]
        else:
            with tarfile.open(self.path) as archive:
                member = archive.extractfile(self.member)
                if member is None:
                    raise tarfile.TarError("not a regular file")
                yield member


def existing_source(source: Path | None, settings: DatasetSettings) -> Path:
    """The source path, or an error that says where the files come from.

    Raises
    ------
    DataError
        Where no source was given or it does not exist.
    """
    remedy = f"Give the folder with the publisher's files as --source (make: SOURCE=). {settings.origin}".strip()
    if settings.fetch is not None:
        remedy += f" To get them: recaudience datasets fetch {settings.name}"
    if source is None:
        raise DataError(f"dataset {settings.name!r} needs its source files and no source was given", remedy=remedy)
    if not source.exists():
        raise DataError("no such file or folder", remedy=remedy, file=source)
    return source


def list_files(source: Path) -> list[SourceFile]:
    """Every file of a source: of a folder those in it, of an archive its members; archives in a folder are opened too.

    Raises
    ------
    DataError
        Where an archive is damaged.
    """
    if source.is_dir():
        paths = sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))
    else:
        paths = [source]
    return [file for path in paths for file in _files_of(path)]


def find_file(files: list[SourceFile], matches: Callable[[str], bool], what: str, source: Path) -> SourceFile:
    """The one file whose name matches.

    Raises
    ------
    DataError
        Where none or several match; `what` says what was looked for.
    """
    matching = [file for file in files if matches(file.name)]
    if len(matching) != 1:
        named = ", ".join(file.shown.name for file in matching[:8]) or "none"
        there = "" if matching else f"; there are: {', '.join(file.name for file in files[:8]) or 'no files'}"
        raise DataError(
            f"expected one file {what}, found {named}{there}",
            remedy="Put the files of one dataset in a folder of their own, and give that folder",
            file=source,
        )
    return matching[0]


@contextmanager
def named_as_published(files: Iterable[SourceFile], workspace: Path) -> Iterator[None]:
    """Let errors about an unpacked copy name the file that it was unpacked from."""
    try:
        yield
    except DataError as error:
        copy = Path(error.file) if error.file is not None else None
        if copy is None or workspace not in copy.parents:
            raise
        shown = {file.name[-_NAME_CHARACTERS:]: file.shown for file in files}
        raise DataError(
            error.problem,
            remedy=error.remedy,
            file=shown.get(copy.name[-_NAME_CHARACTERS:]),
            row=error.row,
            field=error.field,
        ) from error


def _own_folder(workspace: Path) -> Path:
    """A new folder, so that files of one name from several archives stay apart."""
    workspace.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=workspace))


def _files_of(path: Path) -> list[SourceFile]:
    if path.suffix == ".zip" or path.name.endswith((".tar", ".tgz", ".tar.gz")):
        return [SourceFile(PurePosixPath(member).name.removesuffix(".gz"), path, member) for member in _members(path)]
    return [SourceFile(path.name.removesuffix(".gz"), path)]


def _members(path: Path) -> list[str]:
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        else:
            with tarfile.open(path) as archive:
                names = [entry.name for entry in archive if entry.isfile()]
    except _DAMAGED as error:
        raise DataError(
            f"not a readable archive ({first_line(error)})",
            remedy="Fetch the archive again from its publisher",
            file=path,
        ) from error
    # Archives made on a Mac carry a shadow of every file; no file is called `..`.
    return [name for name in names if not PurePosixPath(name).name.startswith(("._", ".."))]
