"""The words of the sample world: names, attributes and descriptions of places, and reviews, all looked up in tables.

A review is an opening that fits the stars, then one to three clauses: what moved the rating, at times with something
that speaks against it. Nothing is built row by row: sentences are drawn as rows of small tables of strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from storage.sample.aspects import Aspect, Category

_NEIGHBOURHOODS = ("Old Town", "Riverside", "the Station Quarter", "the University Quarter", "Harbour End", "Hillside")
_PRICES = ("high", "moderate", "low")
_PRAISE = (
    "A {noun} in {place} known for {pros}.",
    "This {noun} in {place} is praised for {pros}.",
    "People come to this {noun} in {place} for {pros}.",
    "A {noun} in {place}. Regulars mention {pros}.",
)
_PLAIN = "A {noun} in {place}."
_COMPLAINTS = (" Some complain about {con}.", " A few visitors mention {con}.", " Its weak point: {con}.")
_OPENINGS = (
    ("Never again.", "What a disappointment.", "Avoid.", "A waste of an afternoon."),
    ("Not great.", "I expected more.", "A bit of a letdown.", "I would think twice next time."),
    ("Decent overall.", "It was all right.", "Fine for a visit.", "Neither great nor terrible."),
    ("Really good.", "A pleasant surprise.", "Happy to recommend it.", "We had a good time."),
    ("Loved this place.", "One of my favourites in town.", "Could not be happier.", "Perfect."),
)
_OCCASIONS = ("Came with my sister.", "We went on a rainy Tuesday.", "Our second visit.", "We were here in spring.")


@dataclass(frozen=True)
class _Voice:
    """Ways to put an aspect into a sentence: what may lead a clause in, and frames for the aspect's name."""

    leads: tuple[str, ...]
    frames: tuple[str, ...]


_PRAISING = _Voice(
    ("", "", "", "Best of all, ", "I was glad that ", "I have to say that "),
    ("The best part: {}", "Plus points: {}", "What we loved: {}", "{}, just what I was looking for"),
)
_COMPLAINING = _Voice(
    ("", "", "", "Sadly, ", "I was annoyed that ", "Be warned that "),
    ("The worst part: {}", "Minus points: {}", "What annoyed us: {}", "{}, which ruined it for us"),
)
_PRAISING_MORE = _Voice(("", "Also, ", "On top of that, "), ("Another plus: {}",))
_COMPLAINING_MORE = _Voice(("", "Also, ", "On top of that, "), ("Another minus: {}",))
_CONCEDING = _Voice(("To be fair, ", "At least "), ("In its favour: {}",))
_REGRETTING = _Voice(("A pity that ", "On the downside, "), ("The one drawback: {}",))

_NOTHING = -1
_NAMED_TENTHS = 4  # of the sentences name the aspect outright, the others describe it
_MIXED = {1: 0.15, 2: 0.3, 3: 0.6, 4: 0.3, 5: 0.15}  # how often a review also names something of the other side


def place_table(
    rng: np.random.Generator,
    category: NDArray[np.int64],
    levels: NDArray[np.int8],
    categories: Sequence[Category],
    ids: list[str],
) -> pl.DataFrame:
    """Names, attributes and descriptions of places; a description mentions some of the aspects that a place truly has.

    Parameters
    ----------
    rng
        Source of every draw.
    category
        int64 array of shape (items,).
    levels
        int8 array of shape (items, aspects of a category): 1 has the good form, -1 the bad one, 0 neither.
    categories
        The categories that `category` counts.
    ids
        The places' ids.

    Returns
    -------
    polars.DataFrame
        item_id, name, categories, attributes, description.
    """
    rows = []
    for item, kind in enumerate(category.tolist()):
        own = categories[kind]
        place = _NEIGHBOURHOODS[int(rng.integers(len(_NEIGHBOURHOODS)))]
        pros = [own.aspects[k].pro for k in rng.permutation(np.flatnonzero(levels[item] > 0))[:2]]
        cons = [own.aspects[k].con for k in rng.permutation(np.flatnonzero(levels[item] < 0))[:1]]
        text = _PRAISE[int(rng.integers(len(_PRAISE)))] if pros else _PLAIN
        text += _COMPLAINTS[int(rng.integers(len(_COMPLAINTS)))] if cons else ""
        description = text.format(noun=own.noun, place=place, pros=" and ".join(pros), con="".join(cons))
        keys = [aspect.key for aspect in own.aspects]
        price = _PRICES[levels[item, keys.index("value")] + 1]
        attributes = f"Neighbourhood: {place.removeprefix('the ')}. Price: {price}."
        rows.append((ids[item], _name(own, item // len(categories)), [own.noun.capitalize()], attributes, description))
    return pl.DataFrame(rows, schema=["item_id", "name", "categories", "attributes", "description"], orient="row")


def _name(category: Category, number: int) -> str:
    """Every name once: all first words with an ending, then all with the next one, then the same with a number."""
    first, shift = number % len(category.names), number // len(category.names)
    again, ending = divmod(shift, len(category.endings))
    name = f"{category.names[first]} {category.endings[(first + ending) % len(category.endings)]}"
    return f"{name} {again + 1}" if again else name


def review_texts(
    rng: np.random.Generator,
    categories: Sequence[Category],
    *,
    category: NDArray[np.int64],
    effects: NDArray[np.float64],
    ratings: NDArray[np.int64],
    likes: NDArray[np.bool_],
) -> pl.Series:
    """Reviews that mention what moved each rating.

    Parameters
    ----------
    rng
        Source of every draw.
    categories
        The categories that `category` counts.
    category
        int64 array of shape (n,): category of the reviewed place.
    effects
        float64 array of shape (n, aspects of a category): what each aspect added to the user's utility.
    ratings
        int64 array of shape (n,), 1 to 5.
    likes
        bool array of shape (n,).
    """
    n = len(ratings)
    agreeing = effects * np.where(likes, 1, -1)[:, None]
    noticed = agreeing * rng.gamma(4.0, 0.25, size=effects.shape)  # people do not weigh their own reasons exactly
    ranked = np.argsort(-noticed, axis=1)[:, :2]
    first, second = (_where_positive(noticed, ranked[:, k]) for k in range(2))
    second = np.where(rng.random(n) < 0.65, second, _NOTHING)
    other = _where_positive(-noticed, np.argmin(noticed, axis=1))
    other = np.where(rng.random(n) < np.take(list(_MIXED.values()), ratings - 1), other, _NOTHING)

    def clauses(aspects: NDArray[np.int64], positive: NDArray[np.bool_], pro: _Voice, con: _Voice) -> pl.Series:
        pros, cons = _sentence_table(categories, pro, positive=True), _sentence_table(categories, con, positive=False)
        drawn = rng.integers(pros.shape[2], size=n)
        mentioned = np.maximum(aspects, 0)
        sentences = np.where(positive, pros[category, mentioned, drawn], cons[category, mentioned, drawn])
        return pl.Series(np.where(aspects == _NOTHING, "", sentences))

    opened = (rng.random(n) < 0.65) | (first == _NOTHING)
    openings = np.array([text for texts in _OPENINGS for text in texts] + [""])
    opening = np.where(opened, (ratings - 1) * 4 + rng.integers(4, size=n), len(openings) - 1)
    occasions = np.array([*_OCCASIONS, ""])
    occasion = np.where(rng.random(n) < 0.2, rng.integers(len(_OCCASIONS), size=n), len(_OCCASIONS))
    parts = pl.DataFrame(
        {
            "opening": openings[opening],
            "occasion": occasions[occasion],
            "first": clauses(first, likes, _PRAISING, _COMPLAINING),
            "second": clauses(second, likes, _PRAISING_MORE, _COMPLAINING_MORE),
            "other": clauses(other, ~likes, _CONCEDING, _REGRETTING),
        }
    )
    text = pl.concat_str(pl.all(), separator=" ").str.replace_all(r" {2,}", " ").str.strip_chars()
    return parts.select(review_text=text).to_series()


def _where_positive(values: NDArray[np.float64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(values[np.arange(len(values)), columns] > 0, columns, _NOTHING)


def _sentence_table(categories: Sequence[Category], voice: _Voice, *, positive: bool) -> NDArray[np.str_]:
    """Every sentence there is about one side: array of shape (categories, aspects, sentences)."""

    def sentences(aspect: Aspect) -> list[str]:
        name, clauses = (aspect.pro, aspect.pro_clauses) if positive else (aspect.con, aspect.con_clauses)
        texts = [lead + clause for clause in clauses for lead in voice.leads]
        named = [frame.format(name) for frame in voice.frames]
        texts += named * (len(texts) * _NAMED_TENTHS // (10 - _NAMED_TENTHS) // len(named))
        return [f"{text[0].upper()}{text[1:]}." for text in texts]

    return np.array([[sentences(aspect) for aspect in category.aspects] for category in categories])
