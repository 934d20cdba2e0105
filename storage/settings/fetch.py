"""Where a dataset's files come from: their addresses, or a page to visit (`dataset.fetch` of a profile)."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

_Address = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+/\S*$")]
# A plain name: it never leaves the target folder, and takes no name that fetching itself uses.
_FileName = Annotated[str, StringConstraints(pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$")]


class RemoteFile(BaseModel):
    """One file that can be fetched without an account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: _Address = Field(description="the publisher's address of the file")
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$", description="its MD5 as published")
    md5_url: _Address | None = Field(default=None, description="address of its MD5, where the file may be replaced")
    name: _FileName = Field(default="", description="name to keep it under; the address's last part where not given")

    @model_validator(mode="before")
    @classmethod
    def _name_of_address(cls, values: object) -> object:
        if isinstance(values, dict) and "name" not in values and isinstance(values.get("url"), str):
            return {**values, "name": unquote(PurePosixPath(urlsplit(values["url"]).path).name)}
        return values


class FromPublisher(BaseModel):
    """Files that are fetched from their publisher's addresses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: tuple[RemoteFile, ...] = Field(min_length=1, description="the files to fetch")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) < len(names):
            raise ValueError(f"two files have one name: {', '.join(names)}")
        return self


class ByHand(BaseModel):
    """Files that a person gets from a page, because an account is needed there or terms must be accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    visit: _Address = Field(description="the page to visit")
    files: tuple[_FileName, ...] = Field(min_length=1, description="names of the files to get there")


FetchSettings = FromPublisher | ByHand
