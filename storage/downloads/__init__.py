"""Resumable, checked downloads of publishers' files."""

from __future__ import annotations

from storage.downloads.downloads import Fetched, Progress, fetch_files

__all__ = ["Fetched", "Progress", "fetch_files"]
