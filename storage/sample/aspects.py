"""What people notice about the places of the sample world: categories and their aspects (aspects.yaml)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("aspects.yaml")


@dataclass(frozen=True)
class Aspect:
    """A quality that a place can have in a good and in a bad form.

    Parameters
    ----------
    key
        Aspects of several categories with one key are cared about by the same people.
    pro, con
        Name of the good and of the bad form, such as "friendly baristas".
    pro_clauses, con_clauses
        Ways to say it in a review; each fits after "that".
    """

    key: str
    pro: str
    con: str
    pro_clauses: tuple[str, ...]
    con_clauses: tuple[str, ...]


@dataclass(frozen=True)
class Category:
    """A kind of place: its noun, the parts that names are made of, and its aspects."""

    noun: str
    names: tuple[str, ...]
    endings: tuple[str, ...]
    aspects: tuple[Aspect, ...]


@cache
def load_categories() -> tuple[Category, ...]:
    """All categories; each has the same number of aspects."""
    return tuple(
        Category(
            noun=noun,
            names=tuple(entry["names"]),
            endings=tuple(entry["endings"]),
            aspects=tuple(
                Aspect(key, sides["pro"][0], sides["con"][0], tuple(sides["pro"][1:]), tuple(sides["con"][1:]))
                for key, sides in entry["aspects"].items()
            ),
        )
        for noun, entry in yaml.safe_load(_FILE.read_text(encoding="utf-8")).items()
    )
