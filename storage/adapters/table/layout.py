"""Inference of a table's layout: separator, roles of columns, lists, time unit, rating scale. Any of it can be set."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from storage.errors import DataError
from storage.readers.parquet import scan_parquet
from storage.readers.scans import Scan
from storage.readers.text_files import scan_csv, scan_json_lines, scan_lines
from storage.settings.table import InteractionColumns, ItemColumns, ListForm, TimeUnit

_SNIFFED_LINES = 10_000
_KEY = re.compile(r"[^'\\\ud800-\udfff]+")  # what a JSON path can name
_SEPARATORS = ",\t;|"
_FEWEST_APART = 4  # distinct ratings from which a gap says something
_LAST_TWO = 99
_FIRST_DAY, _LAST_DAY = 1900_01_01, 2100_12_31
_CONTINUOUS = 50  # distinct ratings from which a scale is one of any numbers
# fmt: off
_USUAL_NAMES = {
    "user_id": ("userid", "user", "uid", "reviewerid", "customerid", "memberid", "visitorid", "username"),
    "item_id": (
        "itemid", "item", "iid", "movieid", "productid", "businessid", "asin", "parentasin", "bookid", "animeid",
        "trackid", "songid", "gameid", "sku",
    ),
    "rating": ("rating", "stars", "score", "overall", "userrating", "rate", "grade", "value"),
    "timestamp": ("timestamp", "time", "date", "datetime", "unixreviewtime", "createdat", "ratedat", "ts"),
    "review_text": ("reviewtext", "review", "text", "comment", "body", "content"),
    "name": ("name", "title", "itemname", "productname", "movietitle"),
    "categories": ("categories", "category", "genres", "genre", "tags"),
    "description": ("description", "desc", "synopsis", "sypnopsis", "summary", "plot", "overview", "about"),
}
# fmt: on
# A site's totals over all users and all time contain the held-out rows: never a feature (docs/evaluation.md).
_SUMMED = re.compile(
    r"^(rat(ing|ed|ings|er)|scor(e|ed|es)|stars?$|review|vot(e|er|ing)|popular|rank|download|listener|follower|favou?rite"
    r"|sales|views?$|likes?$|dislikes?$|plays?$|playcount|members?$|owned|owners?|wish|trading|bayes|metascore|usersrated|numowned"
    r"|aggregate|avg$|average)"
)
_OF_CONTENT = {"content", "age", "maturity", "esrb", "mpaa", "pegi", "parental", "energy", "film", "board"}
_NO_FACT = re.compile(
    r"^(unnamed|index|level)$|^(id|ids|isbn|isbn13|asin|ean|upc|gtin|url|urls|uri|link|links|href|image|images|img|thumbnail"
    r"|poster|cover|photo)$"
)


@dataclass(frozen=True)
class RatingScale:
    """Lowest and highest rating, where likes start, and the share of likes that this gives."""

    lowest: float
    highest: float
    like_threshold: float
    like_rate: float


def scan_table(path: Path, separator: str | None) -> Scan:
    """All columns of a CSV, TSV, JSON lines or Parquet file.

    Raises
    ------
    DataError
        Where it is none of these.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        return scan_parquet(path)
    if kind in (".jsonl", ".ndjson", ".json"):
        return _scan_json(path)
    return scan_csv(path, separator=separator or _guess_separator(path))


def _guess_separator(path: Path) -> str:
    """Whichever of comma, tab, semicolon and bar is most frequent in the header; a comma where there is none."""
    with path.open("rb") as file:
        header = file.readline(1 << 16).decode("utf-8", "replace")
    return max(_SEPARATORS, key=header.count)


def guess_interaction_columns(names: Sequence[str], given: InteractionColumns, path: Path) -> InteractionColumns:
    """The roles of a file's columns, guessed from their names where they are not given.

    Raises
    ------
    DataError
        Where a given column is missing, or the column of users, items or ratings cannot be guessed.
    """
    chosen = _choose(names, given.model_dump(), path)
    for role in ("user_id", "item_id", "rating"):
        if chosen[role] is None:
            raise _unknown_column(role, names, path)
    return InteractionColumns.model_validate(chosen)


def guess_item_columns(names: Sequence[str], given: ItemColumns, path: Path) -> tuple[ItemColumns, list[str]]:
    """As `guess_interaction_columns`, for items; also the columns left out because they seem to aggregate over users.

    Raises
    ------
    DataError
        Where a given column is missing, or the column of ids cannot be guessed.
    """
    chosen = _choose(names, given.model_dump(exclude={"attributes"}), path)
    if chosen["item_id"] is None:  # in a file of items, the key `id` can be nothing else
        chosen["item_id"] = next((name for name in names if name.strip().lower() == "id"), None)
    if chosen["item_id"] is None:
        raise _unknown_column("item_id", names, path)
    rest = [name for name in names if name != "row" and name not in chosen.values()]
    if given.attributes is not None:
        _require(given.attributes, names, path)
        return ItemColumns.model_validate({**chosen, "attributes": given.attributes}), []
    aggregates = [name for name in rest if sums_up_users(name)]
    attributes = tuple(name for name in rest if name not in aggregates and not is_no_fact(name))
    return ItemColumns.model_validate({**chosen, "attributes": attributes}), aggregates


def sums_up_users(name: str) -> bool:
    """Whether a column of items seems to sum up what users did, by its words: `work_ratings_count`, `Sales Rank`.

    A rating of the content ("Age rating", "ESRB") is none of them.
    """
    words = _words(name)
    return _OF_CONTENT.isdisjoint(words) and any(_SUMMED.match(word) for word in words)


def is_no_fact(name: str) -> bool:
    """Whether a column of items holds ids, links or a table's row numbers, which tell nothing of the item."""
    words = _words(name)
    return any(_NO_FACT.match(word) for word in words)


def _words(name: str) -> list[str]:
    """The words of a column's name in small letters, apart by case, digits and marks."""
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def require_single_values(path: Path, schema: pl.Schema, names: Iterable[str]) -> None:
    """Refuse columns that hold lists.

    Raises
    ------
    DataError
        Where one of them holds lists.
    """
    for name in names:
        if schema[name].is_nested():
            raise DataError(
                "the column holds lists; expected one value a row",
                remedy="Name another column, or write one row for each value",
                file=path,
                field=name,
            )


def guess_time_unit(values: pl.Series) -> TimeUnit | None:
    """The unit of timestamps, by their size; None where there are none."""
    values = values.drop_nulls()
    if values.dtype.is_temporal():
        return "iso"
    if values.dtype == pl.String:
        values = values.str.strip_chars().filter(values.str.strip_chars() != "")
    numbers = values.cast(pl.Float64, strict=False).drop_nulls()
    if len(values) == 0:
        return None
    if len(numbers) < len(values) / 2:
        return "iso"
    if (
        numbers.is_between(_FIRST_DAY, _LAST_DAY).all()
        and numbers.cast(pl.Int64).cast(pl.String).str.to_date("%Y%m%d", strict=False).is_not_null().all()
    ):
        return "yyyymmdd"
    if numbers.is_between(_FIRST_DAY // 10_000, _LAST_DAY // 10_000).all():
        return "year"
    typical = float(numbers.median() or 0)  # type: ignore[arg-type]  # a number
    units: tuple[tuple[float, TimeUnit], ...] = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"), (-math.inf, "s"))
    return next(unit for least, unit in units if typical >= least)


def guess_list_form(cells: pl.Series) -> ListForm:
    """How cells of text hold several names: a JSON or Python list, or names separated by | ; or a comma."""
    cells = cells.drop_nulls().str.strip_chars()
    cells = cells.filter(cells != "")
    if len(cells) == 0:
        return "none"

    def share(holds: pl.Series) -> float:
        return int(holds.sum()) / len(cells)

    if share(cells.str.starts_with("[") & cells.str.ends_with("]")) > 0.5:
        return "json"
    forms: tuple[ListForm, ...] = ("|", ";", ",")
    for form in forms:
        if share(cells.str.contains(form, literal=True)) > 0.1:
            return form
    return "none"


def guess_unrated(counts: pl.DataFrame) -> float | None:
    """What stands for no rating, where that is plain; else None.

    -1 where it is the only negative rating: some sites write it for items seen without a rating. The lowest or the
    highest one where it lies apart from all others by more than twice the widest gap between them: 0 below ratings from
    5 to 10, 99 above ratings from 1 to 5.

    Parameters
    ----------
    counts
        As in `guess_scale`.
    """
    below = counts.filter(pl.col("rating") < 0)["rating"].to_list()
    if below == [-1.0] and float(counts["rating"][-1]) > 1:  # -1 to 1 may be a scale
        return -1.0
    ratings = counts["rating"].to_list()
    gaps = [after - before for before, after in pairwise(ratings)]
    if len(ratings) >= _FEWEST_APART and ratings[0] == 0 and gaps[0] > 2 * max(gaps[1:]):
        return 0.0
    if len(ratings) >= _FEWEST_APART and ratings[-1] % 100 == _LAST_TWO and gaps[-1] > 2 * max(gaps[:-1]):
        return float(ratings[-1])
    return None


def guess_scale(counts: pl.DataFrame) -> RatingScale | None:
    """Rating scale and like threshold suggested by the ratings; None where there are none.

    The scale is the common one that contains all but a thousandth of the ratings. Likes start at three fifths of it, as
    in the paper, or, where fewer than one rating in twenty would be a dislike, at the next rating that leaves more.

    Parameters
    ----------
    counts
        Columns rating (float64, finite, ascending) and len, how often each was given.
    """
    if counts.height == 0:
        return None
    share = (counts["len"].cum_sum() / counts["len"].sum()).to_numpy()
    values = counts["rating"].to_numpy()
    whole = bool((values % 1 == 0).all())
    least = float(values[(share > 0.001).argmax()])
    most = float(values[(share >= 0.999).argmax()])
    if len(values) > _CONTINUOUS and not whole:  # here the lowest and the highest are no slips
        least, most = float(values[0]), float(values[-1])
    lowest, highest = _usual_scale(least, most, whole)
    inside = counts.filter(pl.col("rating").is_between(lowest, highest))
    total = float(inside["len"].sum())

    def like_rate(threshold: float) -> float:
        return float(inside.filter(pl.col("rating") >= threshold)["len"].sum()) / total

    paper = lowest + 0.6 * (highest - lowest) if lowest < 0 else 0.6 * highest
    if whole and lowest >= 0:
        paper = math.ceil(paper - 1e-9)
    paper = round(paper, 6)
    higher = [value for value in inside["rating"].to_list() if value > paper]
    candidates = [paper, *higher]
    threshold = next((value for value in candidates if like_rate(value) <= 0.95), paper)
    if not lowest < threshold <= highest:
        threshold = highest
    return RatingScale(lowest, highest, threshold, like_rate(threshold))


def _usual_scale(least: float, most: float, whole: bool) -> tuple[float, float]:
    if least >= 0 and most <= 1 and least < most:
        return 0, 1
    for highest in (5, 10, 20, 100):
        if most <= highest and least >= 0:
            lowest = 0 if least < 0.5 else 1 if whole or least >= 1 else 0.5
            return lowest, highest
    return (least, most) if least < most else (least - 1, most)


def _choose(names: Sequence[str], given: dict[str, str | None], path: Path) -> dict[str, str | None]:
    """The column of each role: the given one ('' for none), or else the first free one with a usual name."""
    _require([name for name in given.values() if name], names, path)
    used = {name for name in given.values() if name}
    plain = {re.sub(r"[^a-z]", "", name.lower()): name for name in reversed(names) if name != "row"}
    chosen: dict[str, str | None] = {}
    for role, name in given.items():
        if name is not None:
            chosen[role] = name or None
            continue
        guess = next((plain[n] for n in _USUAL_NAMES[role] if n in plain and plain[n] not in used), None)
        chosen[role] = guess
        if guess is not None:
            used.add(guess)
    return chosen


def _require(required: Sequence[str], names: Sequence[str], path: Path) -> None:
    for name in required:
        if name not in names:
            raise DataError(
                f"there is no such column; there are: {_listed(names)}",
                remedy="Name a column of the file",
                file=path,
                row=1,
                field=name,
            )


def _unknown_column(role: str, names: Sequence[str], path: Path) -> DataError:
    return DataError(
        f"no column looks like {role}; there are: {_listed(names)}",
        remedy=f"Name it: --column {role}=NAME, or dataset.table in the profile",
        file=path,
        row=1,
        field=role,
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name for name in names if name != "row")[:300]


def _scan_json(path: Path) -> Scan:
    """The keys of the first lines as columns of text."""
    keys: dict[str, None] = {}
    for line in scan_lines(path).head(_SNIFFED_LINES)["line"]:
        keys.update(dict.fromkeys(_keys(line)))
    if not keys:
        raise DataError("no line is a JSON object", remedy="Give JSON lines: one object a line", file=path, row=1)
    return scan_json_lines(path, {key: f"$['{key}']" for key in keys})


def _keys(line: str) -> list[str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return [key for key in record if _KEY.fullmatch(key) and key != "row"] if isinstance(record, dict) else []
