from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import OneHotEncoder

from storage.sample.aspects import load_categories
from storage.sample.world import SampleWorld, generate
from storage.settings.sample import SampleWorldSettings

SMALL = SampleWorldSettings(users=40, items=30, ratings_per_user=12)


def world(settings: SampleWorldSettings = SMALL, seed: int = 1) -> SampleWorld:
    return generate(settings, 3, seed)


def test_equal_seeds_give_equal_worlds_and_others_do_not() -> None:
    one, same, other = world(), world(), world(seed=2)
    for name in ("interactions", "items", "truth", "aspects"):
        assert getattr(one, name).equals(getattr(same, name))
    assert not one.interactions.equals(other.interactions)
    assert not one.items["description"].equals(other.items["description"])


def test_sizes_are_those_of_the_settings() -> None:
    made = world(SampleWorldSettings(users=50, items=20, categories=2, ratings_per_user=10))
    assert made.interactions["user_id"].n_unique() == 50
    assert made.items.height == 20
    assert made.items["categories"].explode().n_unique() == 2
    assert 8 <= made.interactions.height / 50 <= 12
    assert made.truth.height == 50 * 20


def test_nobody_rates_a_place_twice_and_stars_are_whole() -> None:
    rows = world().interactions
    assert not rows.select("user_id", "item_id").is_duplicated().any()
    assert set(rows["rating"].unique()) <= {1, 2, 3, 4, 5}


def test_every_name_of_a_large_world_is_used_once() -> None:
    items = world(SampleWorldSettings(users=1, items=1200, ratings_per_user=5)).items
    assert items["name"].n_unique() == items.height


def test_the_truth_is_the_rate_at_which_pairs_are_liked() -> None:
    made = world(SampleWorldSettings(users=500, items=60))
    rows = made.interactions.join(made.truth, on=["user_id", "item_id"]).with_columns(like=pl.col("rating") >= 3)
    bins = rows.group_by((pl.col("probability") * 5).floor().alias("bin")).agg(
        pl.len(), pl.col("like").mean(), pl.col("probability").mean()
    )
    gaps = (bins["like"] - bins["probability"]).abs().to_numpy() * np.sqrt(bins["len"].to_numpy())
    assert np.all(gaps < 4 * 0.5)  # four standard errors of a share


def test_the_truth_ranks_test_pairs_better_than_user_and_item_effects() -> None:
    made = world(SampleWorldSettings())
    rows = made.interactions.join(made.truth, on=["user_id", "item_id"]).with_columns(like=pl.col("rating") >= 3)
    held_out = np.random.default_rng(0).random(rows.height) < 0.2
    pairs = OneHotEncoder(handle_unknown="ignore").fit_transform(rows.select("user_id", "item_id").to_numpy())
    likes = rows["like"].to_numpy()
    bias = LogisticRegression(C=0.1).fit(pairs[~held_out], likes[~held_out])
    best = roc_auc_score(likes[held_out], rows["probability"].to_numpy()[held_out])
    assert 0.65 < likes.mean() < 0.75
    assert 0.80 < best < 0.88
    assert roc_auc_score(likes[held_out], bias.decision_function(pairs[held_out])) < best - 0.08


def test_boredom_changes_ratings_and_reviews_alone_and_takes_no_star_without_visits_of_the_category() -> None:
    plain, bored = world(), world(SMALL.model_copy(update={"boredom": 2.0}))
    assert bored.items.equals(plain.items)
    assert bored.truth.equals(plain.truth)
    visits = ["user_id", "item_id", "timestamp"]
    assert bored.interactions.select(visits).equals(plain.interactions.select(visits))
    lost = (plain.interactions["rating"] - bored.interactions["rating"]).to_numpy()
    shares = recent_shares(bored, 5)
    assert np.all(lost[shares == 0] == 0)
    assert np.all(lost >= 0)
    assert lost[shares > 0.3].mean() > 0.4


def test_ratings_fall_as_the_share_of_recent_visits_rises() -> None:
    made = world(SampleWorldSettings(users=400, items=60, boredom=2.0))
    shares = recent_shares(made, 5)
    rows = made.interactions.join(made.truth, on=["user_id", "item_id"], maintain_order="left")
    expected = ndtr(ndtri(rows["probability"].to_numpy()) - 2 / 1.3 * shares)
    likes = rows["rating"].to_numpy() >= 3
    for share in (0.0, 0.2, 0.4, 0.6):
        chosen = np.isclose(shares, share)
        assert abs(likes[chosen].mean() - expected[chosen].mean()) < 4 * 0.5 / np.sqrt(chosen.sum())
    assert likes[shares == 0].mean() > likes[shares >= 0.4].mean() + 0.15


def recent_shares(made: SampleWorld, memory: int) -> NDArray[np.float64]:
    rows = made.interactions.join(
        made.items.select("item_id", kind=pl.col("categories").list.first()), on="item_id", maintain_order="left"
    )
    shares: list[float] = []
    visited: dict[str, list[str]] = {}
    for user, kind in rows.select("user_id", "kind").iter_rows():
        before = visited.setdefault(user, [])
        shares.append(before[-memory:].count(kind) / memory)
        before.append(kind)
    return np.array(shares)


def test_a_review_names_only_aspects_that_its_place_has() -> None:
    made = world()
    names = {name for category in load_categories() for a in category.aspects for name in (a.pro, a.con)}
    true = made.aspects.group_by("item_id").agg("aspect")
    mentions = 0
    for review, aspects in made.interactions.join(true, on="item_id").select("review_text", "aspect").iter_rows():
        named = {name for name in names if f" {name}." in review}
        mentions += len(named)
        assert named <= set(aspects), review
    assert mentions > 50


def test_a_good_review_speaks_mostly_for_its_place_and_a_bad_one_against_it() -> None:
    made = world(SampleWorldSettings(users=100, items=50))
    reviews = made.interactions.with_columns(pl.col("review_text").str.to_lowercase())
    sides = {
        side: [c for category in load_categories() for a in category.aspects for c in (a.pro_clauses, a.con_clauses)[i]]
        for i, side in enumerate(("pro", "con"))
    }
    counts = reviews.select(
        "rating",
        *(
            pl.sum_horizontal(pl.col("review_text").str.contains(c.lower(), literal=True) for c in clauses).alias(side)
            for side, clauses in sides.items()
        ),
    )
    good, bad = counts.filter(pl.col("rating") == 5), counts.filter(pl.col("rating") == 1)
    assert good["pro"].sum() > 3 * good["con"].sum()
    assert bad["con"].sum() > 3 * bad["pro"].sum()


def test_descriptions_and_prices_tell_the_truth() -> None:
    made = world()
    rows = made.items.join(made.aspects.group_by("item_id").agg("aspect"), on="item_id")
    values = {category.noun: next(a for a in category.aspects if a.key == "value") for category in load_categories()}
    names = {name for category in load_categories() for a in category.aspects for name in (a.pro, a.con)}
    for row in rows.iter_rows(named=True):
        assert {name for name in names if f" {name}" in row["description"]} <= set(row["aspect"])
        value = values[row["categories"][0].lower()]
        assert ("Price: low." in row["attributes"]) == (value.pro in row["aspect"])
        assert ("Price: high." in row["attributes"]) == (value.con in row["aspect"])


def test_every_category_has_the_same_number_of_aspects_with_opposite_sides_and_wordings() -> None:
    categories = load_categories()
    assert len({len(category.aspects) for category in categories}) == 1
    for category in categories:
        for aspect in category.aspects:
            assert len(aspect.pro_clauses) == len(aspect.con_clauses) == 3
            assert aspect.pro != aspect.con
