"""The first rows of a dataset as the pipeline understands them, before any is selected, numbered or split."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from storage.adapters.registry import ADAPTERS
from storage.adapters.table.table import Layout, TableReader
from storage.ingest.id_codes import IdCodes, numbered
from storage.ingest.item_catalogue import read_items
from storage.ingest.rating_check import RatingCheck
from storage.readers.sources import named_as_published
from tasks.steps.ingest import IngestSettings

_EPOCH = datetime(1970, 1, 1)  # shown with a Z


class InteractionRow(BaseModel):
    """A rating as understood; the timestamp as ISO time, null where the source has none."""

    user_id: str
    item_id: str
    rating: float
    like: bool
    timestamp: str | None
    review_text: str | None


class ItemRow(BaseModel):
    """An item as understood; empty where the source says nothing, the name is the id then."""

    item_id: str
    name: str
    categories: list[str]
    attributes: str
    description: str


class DatasetPreview(BaseModel):
    """What `recaudience datasets preview` shows.

    Parameters
    ----------
    rows
        Sound ratings in all.
    like_threshold
        Ratings from here on are likes.
    interactions, items
        The first of them, in the order of the file and of the catalogue.
    columns
        What each column of a table of one's own is used for, as "interactions: stars" to "rating"; empty elsewhere.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    like_threshold: float
    interactions: list[InteractionRow]
    items: list[ItemRow]
    columns: dict[str, str]


def preview(settings: IngestSettings, rows: int, workspace: Path) -> DatasetPreview:
    """Read a dataset and show its first rows.

    Parameters
    ----------
    settings
        Which dataset, from where.
    rows
        How many interactions and items to show.
    workspace
        A folder for unpacked files, which the caller removes.

    Raises
    ------
    DataError
        Where the dataset cannot be used.
    """
    dataset = settings.dataset
    reader = ADAPTERS[dataset.adapter]
    with named_as_published(reader.files(settings.source_path, dataset), workspace):
        raw = reader.read(settings.source_path, dataset, workspace)
        check, codes, total, first = RatingCheck(raw.ratings_file, dataset, raw.time_unit), IdCodes(), 0, []
        for batch in raw.ratings:
            accepted = check.accept(batch)
            codes.encode(accepted["item_id"])
            total += accepted.height
            first += accepted.head(rows - len(first)).rows(named=True)
        check.finish()
        ids = codes.ids()
        catalogue, _ = numbered(ids, (ids != "").to_numpy(), "item_id")
        metadata = read_items(raw.items, catalogue["source_id"]).rename({"item_id": "source_id"})
        items = catalogue.head(rows).join(metadata, on="source_id", how="left", maintain_order="left")
        columns = {}
        if isinstance(reader, TableReader):
            columns = column_uses(reader.layout(settings.source_path, dataset, workspace))
    return DatasetPreview(
        rows=total,
        like_threshold=dataset.like_threshold,
        interactions=[
            InteractionRow(
                user_id=row["user_id"],
                item_id=row["item_id"],
                rating=row["rating"],
                like=row["rating"] >= dataset.like_threshold,
                timestamp=_iso(row["timestamp"]),
                review_text=row["review_text"],
            )
            for row in first
        ],
        items=[
            ItemRow(
                item_id=row["source_id"],
                name=row["name"] or row["source_id"],
                categories=row["categories"] or [],
                attributes=row["attributes"] or "",
                description=row["description"] or "",
            )
            for row in items.iter_rows(named=True)
        ],
        columns=columns,
    )


def column_uses(layout: Layout) -> dict[str, str]:
    """What each column of a table of one's own is used for, those of the interactions first."""
    uses = {}
    roles = {name: role for role, name in layout.columns.model_dump(exclude_none=True).items() if name}
    for name in layout.interaction_names:
        uses[f"interactions: {name}"] = roles.get(name, "not used")
    if layout.item_columns is not None:
        roles = {name: role for role, name in layout.item_columns.model_dump(exclude={"attributes"}).items() if name}
        roles |= dict.fromkeys(layout.item_columns.attributes or (), "attribute")
        roles |= dict.fromkeys(layout.aggregates, "left out: it sums up users, held-out ratings among them")
        for name in layout.item_names:
            uses[f"items: {name}"] = roles.get(name, "not used")
    return uses


def _iso(seconds: int | None) -> str | None:
    return None if seconds is None else f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()}Z"
