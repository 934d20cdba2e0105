"""Atomic publishing and content hashes: what makes a killed run resumable."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK_BYTES = 1 << 20


@contextmanager
def publish(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; rename it over `target` when the block ends without an error.

    The yielded path does not exist yet and may become a file or a folder. Files are fsynced before the rename, so
    that after a crash `target` is either the old or the new content. On an error the temporary path is removed.

    Parameters
    ----------
    target
        Final path. Its parent is created where missing.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    temporary = holder / target.name
    try:
        yield temporary
        for path in [temporary, *sorted(temporary.rglob("*"))] if temporary.is_dir() else [temporary]:
            _fsync(path)
        if target.is_dir() and not target.is_symlink():
            os.replace(target, holder / "replaced")
        os.replace(temporary, target)
        _fsync(target.parent)
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def publish_json(target: Path, value: object) -> None:
    """Publish `value` as indented JSON with sorted keys and a final newline; NaN and infinity are refused."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with publish(target) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of a folder's relative names and contents in sorted order, as 64 hex digits.

    Raises
    ------
    FileNotFoundError
        Where `path` does not exist.
    """
    if path.is_dir():
        digest = hashlib.sha256()
        for child in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{child.relative_to(path).as_posix()}\0{content_hash(child)}\0".encode())
        return digest.hexdigest()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
