"""Lazy scans of files of any published format, and the text and times in them made plain."""

from __future__ import annotations

from storage.readers.parquet import scan_parquet
from storage.readers.raw_dataset import RawDataset
from storage.readers.scans import Scan, map_ahead
from storage.readers.sources import SourceFile, named_as_published
from storage.readers.text import clean_names, clean_text
from storage.readers.text_files import scan_csv, scan_fields, scan_json_lines, scan_lines
from storage.readers.timestamps import seconds

__all__ = [
    "RawDataset",
    "Scan",
    "SourceFile",
    "clean_names",
    "clean_text",
    "map_ahead",
    "named_as_published",
    "scan_csv",
    "scan_fields",
    "scan_json_lines",
    "scan_lines",
    "scan_parquet",
    "seconds",
]
