"""An audience answers under the dataset's own ids, and says what is wrong with an argument."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from models.interactions import UNKNOWN_RATING
from storage.run_folder import RunFolder
from tasks.audience.audience import Audience, load
from tests.support.trained_runs import write_trained_run

USERS, ITEMS = ["u11", "u7", "u0"], ["i3", "i9", "i13"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_trained_run(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def users(folder: RunFolder) -> Audience:
    return load(str(folder.root))


def test_a_run_is_loaded_by_text_or_path(folder: RunFolder, users: Audience) -> None:
    assert load(folder.root).user_ids == users.user_ids == tuple(f"u{row}" for row in range(12))
    assert users.item_ids[13] == "i13"
    assert repr(users) == f"Audience({str(folder.root)!r}: 12 users, 14 items)"


def test_own_ids_and_row_numbers_name_the_same(users: Audience) -> None:
    by_id = users.respond(USERS, ITEMS, seed=3)
    for rows in ([11, 7, 0], np.array([11, 7, 0], dtype=np.uint8), [np.int32(11), "u7", 0]):
        responses = users.respond(rows, np.array(ITEMS), seed=3)
        np.testing.assert_array_equal(responses.votes, by_id.votes)
        np.testing.assert_array_equal(responses.probability, by_id.probability)
    assert by_id.votes.shape == (3, 3)
    assert len(users.respond([], [])) == 0


def test_the_seed_decides_ties(users: Audience) -> None:
    everyone, item = list(range(12)) * 14, np.repeat(np.arange(14), 12)
    votes = [users.respond(everyone, item, seed=seed).votes for seed in (0, 0, 1)]
    np.testing.assert_array_equal(votes[0], votes[1])
    assert np.any(votes[0] != votes[2])


def test_a_reaction_is_judged_and_explained_without_itself(users: Audience) -> None:
    rated = users.history("u3").items[0]
    for item in (rated, "i5"):
        explanation, responses = users.explain("u3", item, seed=1), users.respond(["u3"], [item], seed=1)
        assert explanation.probability == pytest.approx(float(responses.probability[0]), abs=1e-6)
        assert list(explanation.votes.values()) == responses.votes[0].tolist()
        assert (explanation.user_name, explanation.item_name) == ("User u3", f"item {item[1:]}")
    assert str(explanation) == f"{explanation.sentence()}\n{explanation.why()}"


def test_histories_of_ones_own_take_the_place_of_the_users(users: Audience) -> None:
    own, other = users.history("u3"), users.history("u4")
    plain = users.respond(["u3", "u3"], ["i5", "i6"])
    same = users.respond(["u3", "u3"], ["i5", "i6"], histories=[own, [list(own.items), own.likes, own.ratings]])
    np.testing.assert_array_equal(same.probability, plain.probability)
    changed = users.respond(["u3", "u3"], ["i5", "i6"], histories=[other, ([], [])])
    assert np.all(changed.probability != plain.probability)
    unknown = users.respond(["u3"], ["i5"], histories=[(own.items, own.likes, [None] * len(own.items))])
    nan = users.respond(["u3"], ["i5"], histories=[(own.items, own.likes, [UNKNOWN_RATING] * len(own.items))])
    np.testing.assert_array_equal(unknown.probability, nan.probability)


def test_knowledge_of_ones_own_takes_the_place_of_the_runs(users: Audience) -> None:
    everyone, item = list(range(12)), ["i5"] * 12
    plain = users.respond(everyone, item)
    same = users.respond(everyone, item, knowledge=dataclasses.replace(users.knowledge))
    np.testing.assert_array_equal(same.probability, plain.probability)
    known = users.knowledge
    swapped = dataclasses.replace(
        known, pro=known.con, con=known.pro, pro_vectors=known.con_vectors, con_vectors=known.pro_vectors
    )
    changed = users.respond(everyone, item, knowledge=swapped)
    assert np.any(changed.keyword_evidence.positive != plain.keyword_evidence.positive)
    np.testing.assert_array_equal(users.respond(everyone, item).probability, plain.probability)


def test_knowledge_that_does_not_fit_is_named(users: Audience) -> None:
    known = users.knowledge
    vectors = known.pro_vectors.copy()
    vectors[0, 0] = np.nan
    damaged = known.pro.copy()
    damaged.indices = damaged.indices + 100
    parts: list[tuple[dict[str, object], str]] = [
        ({"pro_vectors": vectors}, "knowledge.pro_vectors: found NaN"),
        ({"pro_vectors": known.pro_vectors[1:]}, "knowledge.pro_vectors: found shape"),
        ({"pro": csr_array((3, 3), dtype=np.float32)}, "knowledge.pro: found shape"),
        ({"pro": damaged}, "knowledge.pro: found a damaged sparse matrix"),
        ({"item_names": ("one",)}, "knowledge.item_names: found 1 names, expected 14"),
    ]
    for part, message in parts:
        with pytest.raises(ValueError, match=message):
            users.respond(["u1"], ["i1"], knowledge=dataclasses.replace(known, **part))
    with pytest.raises(TypeError, match="knowledge: found 5 of type int, expected an ItemKnowledge"):
        users.respond(["u1"], ["i1"], knowledge=5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda u: u.respond(["u99"], ["i1"]), ValueError, r"users\[0\]: there is no user 'u99' among 12"),
        (lambda u: u.respond([-1], ["i1"]), ValueError, r"users\[0\]: found -1, expected a row number from 0 to 11"),
        (lambda u: u.respond([0, 12], ["i1", "i2"]), ValueError, r"users\[1\]: found 12"),
        (lambda u: u.respond(np.array([0, 12]), [1, 1]), ValueError, r"users\[1\]: found 12"),
        (lambda u: u.respond([0], [14]), ValueError, r"items\[0\]: found 14, expected a row number from 0 to 13"),
        (lambda u: u.respond([0], [10**30]), ValueError, r"items\[0\]: found 1000"),
        (lambda u: u.respond([0, 1], [1, 2, 3]), ValueError, "found 2 users and 3 items"),
        (lambda u: u.respond("u1", "i1"), TypeError, "users: found 'u1', expected ids or row numbers of users in a"),
        (lambda u: u.respond([1.0], [1]), TypeError, r"users\[0\]: found 1.0, expected the id of a user as text, or"),
        (lambda u: u.respond([True], [1]), TypeError, r"users\[0\]: found True"),
        (lambda u: u.respond([None], [1]), TypeError, r"users\[0\]: found None"),
        (lambda u: u.respond([[1]], [1]), TypeError, r"users\[0\]: found \[1\]"),
        (lambda u: u.respond(np.array([[1]]), [1]), ValueError, r"users: found an array of shape \(1, 1\)"),
        (lambda u: u.respond([0], [1], seed=-1), ValueError, "seed: found -1, expected a whole number from 0"),
        (lambda u: u.respond([0], [1], seed=None), TypeError, "seed: found None"),
        (lambda u: u.respond([0], [1], histories=[]), ValueError, "histories: found 0 histories for 1 users"),
        (lambda u: u.respond([0], [1], histories=[([1], [])]), ValueError, "found 1 items, 0 likes and 1 ratings"),
        (lambda u: u.respond([0], [1], histories=[([99], [True])]), ValueError, r"histories\[0\] items\[0\]: found 99"),
        (lambda u: u.respond([0], [1], histories=[([1], [1])]), TypeError, r"likes\[0\]: found 1, expected True or"),
        (lambda u: u.respond([0], [1], histories=[([1], [True], [1e99])]), ValueError, r"ratings\[0\]: found 1e\+99"),
        (lambda u: u.respond([0], [1], histories=[([1],)]), ValueError, "found 1 parts, expected a history"),
        (lambda u: u.explain("u1", "nothing"), ValueError, "item: there is no item 'nothing'"),
        (lambda u: u.explain(0, 14), ValueError, "item: found 14"),
        (lambda u: u.history(12), ValueError, "user: found 12"),
        (lambda u: u.catalogue(settings={}), TypeError, "settings: found {} of type dict, expected recaudience.Env"),
    ],
)
def test_what_is_wrong_with_an_argument_is_said(
    users: Audience, call: Callable[[Audience], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(users)


def test_a_run_that_is_not_there_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"run: found no folder .*; make a run with: recaudience reproduce"):
        load(tmp_path / "nothing")
    with pytest.raises(TypeError, match="run: found 3, expected the path"):
        load(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"run: .*items\.parquet"):
        load(tmp_path)
