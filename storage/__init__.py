"""Where things live: datasets, tables, vectors, checkpoints, the completion cache. Imports no Prefect, no models.

Exported is what costs nothing to import; tables, vectors, checkpoints and completions are imported from their modules.
"""

from __future__ import annotations

from storage.errors import (
    AnnotationError,
    DataError,
    DownloadError,
    RecaudienceError,
    ServerError,
    ServerLostError,
    SettingsError,
)
from storage.files import content_hash, publish, publish_json
from storage.locks import exclusive
from storage.run_folder import DEFAULT_SPLIT, RunFolder, Split

__all__ = [
    "DEFAULT_SPLIT",
    "AnnotationError",
    "DataError",
    "DownloadError",
    "RecaudienceError",
    "RunFolder",
    "ServerError",
    "ServerLostError",
    "SettingsError",
    "Split",
    "content_hash",
    "exclusive",
    "publish",
    "publish_json",
]
