"""What is known of files that were fetched into a folder: `.fetched.json` beside them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from storage.errors import DataError
from storage.files import publish_json


class DownloadRecord(BaseModel):
    """One file, fetched wholly or in part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="where it came from")
    validator: str | None = Field(
        description="strong ETag or Last-Modified date; with it the rest of a file is asked for"
    )
    size: int | None = Field(description="bytes of the whole file, where the server told")
    md5: str | None = Field(default=None, description="of the whole file, once it is there")
    sha256: str | None = Field(default=None, description="of the whole file, once it is there")


_RECORDS = TypeAdapter(dict[str, DownloadRecord])


class DownloadRecords:
    """The records of a folder by file name; each change is on the disk before the call returns.

    Parameters
    ----------
    folder
        The folder that files are fetched into.

    Raises
    ------
    DataError
        Where the file of records is not what was written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".fetched.json"
        try:
            self._records = _RECORDS.validate_json(self._path.read_bytes()) if self._path.exists() else {}
        except ValidationError as error:
            raise DataError(
                f"not a record of fetched files ({error.error_count()} problems)",
                remedy="Delete it and fetch again",
                file=self._path,
            ) from error

    def get(self, name: str) -> DownloadRecord | None:
        """What is known of a file."""
        return self._records.get(name)

    def put(self, name: str, record: DownloadRecord) -> None:
        """Keep what is known of a file."""
        self._records[name] = record
        publish_json(self._path, {key: value.model_dump() for key, value in self._records.items()})
