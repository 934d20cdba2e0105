"""How a table of one's own is laid out: which column is what. Whatever is not said is inferred from the file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

TimeUnit = Literal["s", "ms", "us", "ns", "iso", "yyyymmdd", "year"]
ListForm = Literal["json", "|", ";", ",", "none"]


class InteractionColumns(BaseModel):
    """Names of columns in the interactions file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: str | None = Field(default=None, description="column with the user's id")
    item_id: str | None = Field(default=None, description="column with the item's id")
    rating: str | None = Field(default=None, description="column with the rating")
    timestamp: str | None = Field(default=None, description="column with the time; '' for none")
    review_text: str | None = Field(default=None, description="column with the review; '' for none")


class ItemColumns(BaseModel):
    """Names of columns in the items file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str | None = Field(default=None, description="column with the item's id")
    name: str | None = Field(default=None, description="column with the item's name; '' for none")
    categories: str | None = Field(default=None, description="column with its categories; '' for none")
    description: str | None = Field(default=None, description="column with its description; '' for none")
    attributes: tuple[str, ...] | None = Field(
        default=None, description="columns told as attributes; all others that are no sums over users where not said"
    )


class TableSettings(BaseModel):
    """Files and columns of the reader `table`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interactions: str | None = Field(
        default=None, description="file with one rating a row, in the source folder or by path"
    )
    items: str | None = Field(default=None, description="file with one item a row, in the source folder or by path")
    columns: InteractionColumns = InteractionColumns()
    item_columns: ItemColumns = ItemColumns()
    separator: str | None = Field(default=None, min_length=1, max_length=1, description="between fields of a text file")
    item_separator: str | None = Field(
        default=None, min_length=1, max_length=1, description="the same, in the items file"
    )
    list_form: ListForm | None = Field(default=None, description="how one cell holds several categories")
    time_unit: TimeUnit | None = Field(default=None, description="what timestamps count")
    unrated: float | None = Field(default=None, description="what stands for no rating; such rows are left out")
