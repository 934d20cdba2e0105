"""The parts of the fidelity card beyond single reactions, on small literal data."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.estimators.recommenders import recommenders
from models.fidelity.ablation import Ablation, AblationPairs, StackInputs
from models.fidelity.card import Prediction
from models.fidelity.discrimination import discrimination
from models.fidelity.distributions import distribution_match
from models.fidelity.ranking import list_choice, ndcg, user_auc
from models.fidelity.ranking_agreement import ranking_agreement
from models.fidelity.replayed_sessions import session_match
from models.fidelity.subgroups import subgroup_fidelity, subgroups
from models.interactions import Interactions
from models.keywords.tfidf import tfidf_words
from models.response.features import FEATURE_NAMES
from models.response.stacking import PenaltyChoices
from tests.support.worlds import random_interactions, random_knowledge, tiny_world


def _interactions(
    users: list[int], items: list[int], likes: list[bool], n_users: int = 2, n_items: int = 6
) -> Interactions:
    liked = np.array(likes)
    return Interactions(
        np.array(users), np.array(items), liked, np.where(liked, 5, 1).astype(np.float32), n_users, n_items
    )


def test_the_auc_of_a_list_counts_ties_half_and_takes_probabilities_as_parts_of_likes() -> None:
    scores = np.array([3.0, 2.0, 2.0, 1.0], dtype=np.float32)
    assert user_auc(scores, np.array([1.0, 1.0, 0.0, 0.0], dtype=np.float32)) == pytest.approx((2 + 1.5) / 4)
    assert user_auc(scores, np.ones(4, dtype=np.float32)) == 0.5
    # two items with p = 0.8 above and 0.2 below: 0.64 in order against 0.04 out of order
    assert user_auc(scores[[0, 3]], np.array([0.8, 0.2], dtype=np.float32)) == pytest.approx(0.64 / 0.68)


def test_ndcg_is_one_in_the_best_order_and_shares_the_ranks_of_ties() -> None:
    gains = np.array([1.0, 0.0], dtype=np.float32)
    assert ndcg(np.array([2.0, 1.0], dtype=np.float32), gains) == pytest.approx(1.0)
    assert ndcg(np.array([1.0, 2.0], dtype=np.float32), gains) == pytest.approx(1 / np.log2(3))
    assert ndcg(np.ones(2, dtype=np.float32), gains) == pytest.approx((1 + 1 / np.log2(3)) / 2)


def test_a_judge_that_knows_the_likes_agrees_with_the_real_order_and_its_opposite_disagrees() -> None:
    rng = np.random.default_rng(0)
    held_out = random_interactions(1, n_users=60)
    truth = held_out.likes.astype(np.float32)
    scores = {
        f"noise {level}": truth + rng.normal(scale=level, size=len(truth)).astype(np.float32) for level in (0.3, 1, 3)
    }
    found = ranking_agreement(held_out, scores, {"knows": truth, "opposite": 1 - truth}, n_resamples=20)
    assert found is not None
    assert found.users < 60  # who likes everything cannot tell recommenders apart
    judges = found.measures["auc"].judges
    assert judges["knows"].kendall_tau == 1.0
    assert judges["opposite"].kendall_tau == judges["opposite"].spearman == -1.0
    for measure in found.measures.values():
        assert measure.judges["knows"].told_apart_tau == 1.0
        assert 0 < measure.told_apart <= measure.pairs
    real = list(found.measures["auc"].real_quality.values())
    assert real == sorted(real, reverse=True)


def test_agreement_without_a_family_is_that_of_the_other_recommenders() -> None:
    rng = np.random.default_rng(0)
    held_out = random_interactions(2, n_users=60)
    truth = held_out.likes.astype(np.float32)
    scores = {f"noise {n}": truth + rng.normal(scale=n, size=len(truth)).astype(np.float32) for n in (0.3, 1, 2, 4)}
    judge = (0.7 * truth + 0.3 * rng.random(len(truth))).astype(np.float32)
    families = {"quiet": ("noise 0.3", "noise 1"), "all": tuple(scores)}
    whole = ranking_agreement(held_out, scores, {"judge": judge}, families, n_resamples=20)
    rest = {name: scores[name] for name in ("noise 2", "noise 4")}
    alone = ranking_agreement(held_out, rest, {"judge": judge}, n_resamples=20)
    assert whole is not None
    assert alone is not None
    without, same = whole.measures["auc"].judges["judge"].without, alone.measures["auc"].judges["judge"]
    assert without.keys() == {"quiet"}  # of none there is no order
    assert (without["quiet"].recommenders, without["quiet"].kendall_tau) == (2, same.kendall_tau)
    assert without["quiet"].ci95 == same.ci95


def test_the_weighted_auc_takes_all_pairs_alike() -> None:
    # one pair in order for user 0; of four pairs of user 1 one is in order
    held_out = _interactions([0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 2, 3], [True, False, True, True, False, False])
    scores = {
        "a": np.array([2, 1, 2, 0, 3, 1], dtype=np.float32),
        "b": np.array([1, 2, 4, 3, 2, 1], dtype=np.float32),
    }
    found = ranking_agreement(held_out, scores, {"real": held_out.likes.astype(np.float32)}, n_resamples=5)
    assert found is not None
    measures = found.measures
    assert measures["auc"].real_quality == {"a": (1 + 1 / 4) / 2, "b": 1 / 2}
    assert measures["weighted auc"].real_quality == {"a": 2 / 5, "b": 4 / 5}
    assert measures["weighted auc"].judges["real"].kendall_tau == 1.0


def test_recommenders_that_differ_by_chance_are_not_told_apart() -> None:
    rng, n = np.random.default_rng(0), 400
    held_out = _interactions(np.repeat(np.arange(n), 4).tolist(), [0, 1, 2, 3] * n, [True, True, False, False] * n, n)
    truth = held_out.likes.astype(np.float32)
    scores = {
        "good": truth + rng.normal(size=4 * n).astype(np.float32),
        "chance": rng.normal(size=4 * n).astype(np.float32),
        "chance again": rng.normal(size=4 * n).astype(np.float32),
    }
    found = ranking_agreement(held_out, scores, {"knows": truth}, n_resamples=100)
    assert found is not None
    assert found.measures["auc"].told_apart == 2


def test_nobody_can_rank_recommenders_where_everything_is_liked() -> None:
    held_out = _interactions([0, 0, 1], [0, 1, 2], [True, True, True])
    assert ranking_agreement(held_out, {"a": np.ones(3, dtype=np.float32)}, {}, n_resamples=2) is None
    assert list_choice(held_out, {"a": np.ones(3, dtype=np.float32)}, n_resamples=2) == []


def test_recommenders_rank_what_similar_users_liked_first() -> None:
    users = np.repeat(np.arange(20), 3)
    items = np.where(users[:, None] % 2 == 0, [0, 1, 2], [3, 4, 5])[::3].ravel()
    train = Interactions(
        np.append(users, [20, 20]),
        np.append(items, [0, 1]),
        np.ones(62, dtype=bool),
        np.full(62, 5, dtype=np.float32),
        21,
        6,
    )
    models = recommenders(train, lambda u, i: np.zeros(len(u), dtype=np.float32), seed=0)
    for name in ("item_knn", "user_knn", "weighted_factorisation", "ease"):
        like_minded, other = models[name](np.array([20, 20]), np.array([2, 5]))
        assert like_minded > other, name
    assert models["popularity"](np.array([0, 0]), np.array([0, 5])).tolist() == [11, 10]


def test_discrimination_shows_no_item_that_the_user_met() -> None:
    known = _interactions([0, 0, 1], [0, 1, 0], [True, False, True])
    test = _interactions([0, 1], [2, 3], [True, False])
    shown: set[tuple[int, int]] = set()

    def judge(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        shown.update(zip(users.tolist(), items.tolist(), strict=True))
        return (items == 2).astype(np.float32)

    rows = discrimination(test, known, {"knows": judge}, seed=0)
    assert shown - {(0, 2)} <= {(0, 3), (0, 4), (0, 5)}  # user 1 liked nothing that was held out
    assert [row.ratio for row in rows] == [1, 3, 9]
    assert all(row.accuracy == row.recall == row.precision == 1.0 for row in rows)
    assert all((row.auc_ci95, row.yes_to_unseen) == ((1.0, 1.0), 0.0) for row in rows)
    assert discrimination(_interactions([0], [2], [False]), known, {"knows": judge}, seed=0) == []


def test_choice_counts_users_whose_first_item_is_liked() -> None:
    test = _interactions([0, 0, 1, 1, 1], [0, 1, 2, 3, 4], [True, False, False, True, False])
    right, wrong = (np.array(x, dtype=np.float32) for x in ([2, 1, 0, 3, 1], [1, 2, 3, 0, 3]))
    rows = {row.model: row for row in list_choice(test, {"right": right, "wrong": wrong}, n_resamples=5)}
    assert (rows["right"].first_liked, rows["right"].pairs_right) == (1.0, 1.0)
    assert (rows["wrong"].first_liked, rows["wrong"].pairs_right) == (0.0, 0.0)
    assert rows["right"].by_chance == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_a_model_that_makes_everybody_average_is_told_from_one_that_does_not() -> None:
    rng = np.random.default_rng(0)
    taste = rng.choice([0.05, 0.95], size=40)
    users = np.repeat(np.arange(40), 20)
    likes = rng.random(800) < taste[users]
    items = np.tile(np.arange(20), 40)
    test = Interactions(users, items, likes, np.where(likes, 5, 1).astype(np.float32), 40, 20)
    models = {"knows": taste[users].astype(np.float32), "average": np.full(800, likes.mean(), dtype=np.float32)}
    found = distribution_match(test, models, csr_array(np.ones((20, 1), dtype=np.float32)), np.arange(20), seed=1)
    by_user = {row.model: row for row in found.groups if row.grouping == "user"}
    assert by_user["knows"].ks < 0.25 < by_user["average"].ks
    assert by_user["knows"].correlation > 0.8
    assert [stratum.n for stratum in found.popularity] == [80] * 10
    assert not [row for row in found.groups if row.grouping == "category"]  # one group says nothing


def test_sessions_replay_only_what_came_next_and_join_the_history() -> None:
    world, held_out = tiny_world(0), random_interactions(5)
    by_draw, again = (session_match(world, held_out, "draw", seed=3) for _ in range(2))
    assert by_draw == again
    assert by_draw is not None
    assert by_draw.sessions == int((np.bincount(held_out.users) >= 5).sum())
    short = held_out.users == 0
    few = Interactions(
        held_out.users[short][:3],
        held_out.items[short][:3],
        held_out.likes[short][:3],
        held_out.ratings[short][:3],
        20,
        15,
    )
    assert session_match(world, few, "vote", seed=0) is None


def test_parts_are_cut_by_what_training_knows() -> None:
    train = _interactions([0] * 12 + [1], [0] * 6 + [1] * 4 + [2] * 2 + [0], [True] * 13)
    test = _interactions([0, 0, 1, 1], [0, 3, 1, 2], [True, False, True, False])
    knowledge = random_knowledge(0, n_items=6)
    found = subgroups(train, test, knowledge)
    assert found["warm users"].tolist() == [True, True, False, False]
    assert found["new items (no training interaction)"].tolist() == [False, True, False, False]
    assert found["head items"].tolist() == [True, False, False, False]
    scores = Prediction.from_probabilities(np.array([0.9, 0.1, 0.4, 0.6], dtype=np.float32))
    figures = subgroup_fidelity(train, test, knowledge, {"bias": scores, "ensemble": scores}, seed=0)
    whole = {figure.part: figure for figure in figures}
    assert whole["warm users"].models["ensemble"].auc == 1.0
    assert whole["warm users"].models["ensemble"].auc_over_bias == 0.0
    assert "head items" not in whole  # all liked: nothing to tell apart


def test_an_ablation_shows_which_features_carry_the_stack() -> None:
    rng = np.random.default_rng(0)
    validation, test = random_interactions(0, n_users=50), random_interactions(1, n_users=50)
    features = []
    for pairs in (validation, test):
        x = {name: rng.normal(size=len(pairs)).astype(np.float32) for name in FEATURE_NAMES}
        x["user_effect"] = (2 * pairs.likes - 1 + rng.normal(size=len(pairs))).astype(np.float32)
        features.append(x)
    ablation = Ablation(
        AblationPairs(validation, test, np.zeros(len(test), dtype=bool)),
        StackInputs(*features),
        choices=PenaltyChoices((10.0,), (1.0, 1e4)),
        n_resamples=50,
        seed=0,
    )
    needed, needless = ablation.without("effects"), ablation.without("keywords", "similarity")
    assert needed.auc_lost_ci95[0] > 0.1
    assert abs(needless.auc_lost) < 0.05
    assert ablation.alone("effects").auc > 0.8
    assert needed.cold_items_auc_lost is None
    assert ablation.instead("the same", StackInputs(*features)).auc_lost == 0.0


def test_tfidf_words_are_those_particular_to_a_text() -> None:
    sets, words = tfidf_words(["slow burning mystery", "slow mystery", "loud guitars", "loud guitars again", *[""] * 4])
    assert set(words) == {"guitars", "loud", "mystery", "slow"}
    assert sets.sum(axis=1).tolist() == [2, 2, 2, 2, 0, 0, 0, 0]
    assert tfidf_words(["", ""])[1] == ()
