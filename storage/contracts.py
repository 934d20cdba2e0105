"""Contracts of the run folder's tables: which columns each has, of which types, and what their values satisfy."""

from __future__ import annotations

import numpy as np
import pandera.polars as pa
import polars as pl

from storage.columns import Columns

SPLIT_NAMES = ("train", "validation", "test")
SIDES = ("pro", "con")
_VOTERS = ("keyword_matching", "similarity", "sasrec")
# That a logit is the sum of.
PARTS = ("sasrec", "statistics", "factors", "words", "ease", "effects", "keywords", "similarity", "kinds", "history")

Contract = pa.DataFrameSchema
_TEXTS = pl.List(pl.String)


def _contract(
    name: str, *columns: pa.Column, unique: list[str] | None = None, unique_pair: tuple[str, str] | None = None
) -> Contract:
    by_name = {str(column.name): column for column in columns}
    checks = [_unique_pair(*unique_pair)] if unique_pair else None
    return pa.DataFrameSchema(by_name, name=name, checks=checks, strict=True, ordered=True, unique=unique)


def _unique_pair(first: str, second: str) -> pa.Check:
    """No pair of row numbers twice; as one number each and sorted, which takes a sixth of pandera's `unique`."""
    pair = pl.col(first).cast(pl.UInt64) * 2**32 + pl.col(second).cast(pl.UInt64)

    def is_unique(data: pa.PolarsData) -> bool:
        pairs = np.sort(data.lazyframe.select(pair.drop_nulls()).collect().to_series().to_numpy())
        return not (pairs[1:] == pairs[:-1]).any()

    return pa.Check(is_unique, error=f"no ({first}, {second}) may stand in it twice")


def _column(name: str, dtype: pl.DataType | type[pl.DataType], *checks: pa.Check, nullable: bool = False) -> pa.Column:
    return pa.Column(dtype, list(checks), nullable=nullable, name=name)


def _row_number(name: str) -> pa.Column:
    """Ids that equal their row: 0 .. n - 1, in order."""
    check = pa.Check(
        lambda data: data.lazyframe.select(pl.col(data.key) == pl.int_range(pl.len())),
        error="ids must be the row numbers 0 .. n - 1, in order",
    )
    return _column(name, pl.Int64, check)


def _index(name: str, *, nullable: bool = False) -> pa.Column:
    return _column(name, pl.Int64, pa.Check.ge(0), nullable=nullable)


def _one_of(name: str, values: tuple[str, ...]) -> pa.Column:
    return _column(name, pl.String, pa.Check.isin(values))


def _count(name: str) -> pa.Column:
    return _column(name, pl.Int32, pa.Check.ge(0))


USERS = _contract("users", _row_number(Columns.USER), _column(Columns.SOURCE, pl.String))
ITEMS = _contract(
    "items",
    _row_number(Columns.ITEM),
    _column(Columns.SOURCE, pl.String),
    _column(Columns.NAME, pl.String, pa.Check.str_length(min_value=1)),
    _column(Columns.CATEGORIES, _TEXTS),
    _column(Columns.ATTRIBUTES, pl.String),
    _column(Columns.DESCRIPTION, pl.String),
)
INTERACTIONS = _contract(
    "interactions",
    _index(Columns.USER),
    _index(Columns.ITEM),
    _column(
        Columns.RATING,
        pl.Float32,
        pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).is_finite()), error="must be a finite number"),
    ),
    _column(Columns.LIKE, pl.Boolean),
    _column(Columns.TIME, pl.Int64, nullable=True),
    _count(Columns.ORDER),
    _one_of(Columns.SPLIT, SPLIT_NAMES),
    _column(Columns.REVIEW, pl.String, nullable=True),
    unique_pair=(Columns.USER, Columns.ITEM),
)
TRUTH = _contract(
    "truth",
    _index(Columns.USER),
    _index(Columns.ITEM),
    _column(Columns.PROBABILITY, pl.Float32, pa.Check.in_range(0.0, 1.0)),
)
TRUTH_ASPECTS = _contract(
    "truth_aspects", _index(Columns.ITEM), _column(Columns.ASPECT, pl.String), _one_of(Columns.SIDE, SIDES)
)
ANNOTATIONS = _contract(
    "annotations",
    _index(Columns.ITEM),
    _one_of(Columns.KIND, ("objective", "subjective")),
    _one_of(Columns.SIDE, SIDES),
    _index(Columns.USER, nullable=True),
    _column(Columns.PROMPT_HASH, pl.String),
    _column(Columns.MODEL, pl.String),
    _column(Columns.RESPONSE, pl.String, nullable=True),
    _one_of(Columns.STATUS, ("ok", "failed")),
    _column(Columns.REASON, pl.String, nullable=True),
    _column(Columns.KEYWORDS, _TEXTS),
    _column(Columns.EVIDENCE, _TEXTS),
    _count(Columns.PROMPT_TOKENS),
    _count(Columns.OUTPUT_TOKENS),
)
KEYWORDS = _contract(
    "keywords",
    _index(Columns.ITEM),
    _one_of(Columns.SIDE, SIDES),
    _column(Columns.KEYWORD, pl.String, pa.Check.str_length(min_value=1)),
    _one_of(Columns.KEYWORD_SOURCE, ("objective", "subjective", "both")),
    _count(Columns.SUPPORT),
    _column(Columns.GROUNDED, pl.Boolean),
    _one_of(Columns.GROUNDING, ("exact", "stemmed", "meaning", "none")),
    _column(Columns.EVIDENCE, pl.String),
    unique=[Columns.ITEM, Columns.SIDE, Columns.KEYWORD],
)
VOCABULARY = _contract(
    "vocabulary",
    _column(Columns.KEYWORD, pl.String),
    _column(Columns.MEMBERS, _TEXTS),
    _count(Columns.DOCUMENT_FREQUENCY),
    unique=[Columns.KEYWORD],
)
ITEM_WORDS = _contract(
    "item_words",
    _index(Columns.ITEM),
    _column(Columns.WORD, pl.String, pa.Check.str_length(min_value=1)),
    unique=[Columns.ITEM, Columns.WORD],
)
REJECTED_KEYWORDS = _contract(
    "rejected_keywords",
    _index(Columns.ITEM),
    _one_of(Columns.SIDE, SIDES),
    _column(Columns.KEYWORD, pl.String),
    _column(Columns.RULE, pl.String),
)
_NEIGHBOURS = pl.List(pl.Struct({"item_id": pl.Int64, "cosine": pl.Float32}))
EXPLANATIONS = _contract(
    "explanations",
    _index(Columns.USER),
    _index(Columns.ITEM),
    _column(Columns.USER_SOURCE, pl.String),
    _column(Columns.ITEM_SOURCE, pl.String),
    _column(Columns.LIKE, pl.Boolean),
    _column(Columns.PROBABILITY, pl.Float32, pa.Check.in_range(0.0, 1.0)),
    _column(Columns.CONFIDENCE, pl.Float32, pa.Check.in_range(0.5, 1.0)),
    _column(Columns.VOTES, pl.Struct(dict.fromkeys(_VOTERS, pl.Int8))),
    _column(
        Columns.MATCHED_KEYWORDS,
        pl.List(
            pl.Struct(
                {"side": pl.String, "keyword": pl.String, "shared_with": pl.List(pl.Int64), "evidence": pl.String}
            )
        ),
    ),
    _column(Columns.NEAREST_LIKED, _NEIGHBOURS),
    _column(Columns.NEAREST_DISLIKED, _NEIGHBOURS),
    _column(Columns.STATISTICAL_LOGIT, pl.Float32),
    _column(Columns.AVERAGE_LOGIT, pl.Float32),
    _column(Columns.CONTRIBUTIONS, pl.Struct(dict.fromkeys(PARTS, pl.Float32))),
    _column(Columns.REASONS, pl.List(pl.Struct({"item_id": pl.Int64, "liked": pl.Boolean, "effect": pl.Float32}))),
    _column(
        Columns.KEYWORD_REASONS,
        pl.List(pl.Struct({"side": pl.String, "keyword": pl.String, "effect": pl.Float32, "evidence": pl.String})),
    ),
    _column(
        Columns.SHARED_TASTES,
        pl.List(pl.Struct({"side": pl.String, "keyword": pl.String, "effect": pl.Float32})),
    ),
    _column(Columns.TURNED_WITHOUT, pl.List(pl.Int64), nullable=True),
    _column(Columns.VOTE_TURNED_WITHOUT, pl.List(pl.Int64), nullable=True),
    _column(Columns.VOTE_TURNED_BY_SMALLEST, pl.Boolean, nullable=True),
    _column(
        Columns.VOTE_TURNED_WITHOUT_KEYWORDS,
        pl.List(pl.Struct({"side": pl.String, "keyword": pl.String})),
        nullable=True,
    ),
    _column(Columns.FAITHFUL, pl.Boolean, nullable=True),
    _column(Columns.SENTENCE, pl.String),
    _column(Columns.WHY, pl.String),
)


def polars_schema(contract: Contract) -> pl.Schema:
    """A contract's names and Polars types, in order: for `pl.DataFrame(rows, schema=polars_schema(KEYWORDS))`."""
    return pl.Schema({name: column.dtype.type for name, column in contract.columns.items()})
