"""Policies of any origin are judged by the figures of the report's table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from sb3_contrib import QRDQN, MaskablePPO
from stable_baselines3 import A2C, DQN, PPO

from models import policy_evaluation
from models.environments.repetition import RepetitionWarning
from models.simulation.settings import EnvironmentSettings
from storage.run_folder import RunFolder
from tasks.audience.audience import Audience, load
from tasks.audience.environments import make_vec_env
from tasks.audience.histories import History
from tasks.audience.policies import Policy, load_policy
from tasks.audience.values import evaluate_policy
from tests.support.trained_runs import write_finished_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_finished_run(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def users(folder: RunFolder) -> Audience:
    return load(folder.root)


class Answering:
    """Answers as it is told to, and keeps the questions."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.questions = answers, []

    def recommend(self, users: Sequence[str], histories: Sequence[History], k: int) -> Sequence[object]:
        self.questions.append((list(users), list(histories), k))
        answer = self.answers[min(len(self.questions), len(self.answers)) - 1]
        return [answer] * len(users) if isinstance(answer, str | int | np.integer) else answer  # type: ignore[return-value]


class Popular:
    """The items in a fixed order, those that the history has left out."""

    def __init__(self, items: Sequence[str]) -> None:
        self.items = items

    def recommend(self, users: Sequence[str], histories: Sequence[History], k: int) -> list[list[str]]:
        return [[item for item in self.items if item not in history.items][:k] for history in histories]


def test_the_columns_are_those_of_the_report_with_intervals(users: Audience) -> None:
    values = evaluate_policy(Answering("i3"), users, episodes=6)
    header, row = str(values).splitlines()
    titles = [title.strip() for title in header.split("  ") if title]
    assert titles == ["Policy", "Average reward", "Total reward", "Liking@10", "Coverage"]
    assert row.startswith("Answering")
    assert row.count("[") == 4
    low, high = values["average_reward"].ci95
    assert low <= values["average_reward"].mean <= high
    assert values["total_reward"].mean == pytest.approx(6 * values["average_reward"].mean)


def test_an_own_policy_sees_own_ids_and_histories_that_grow(users: Audience) -> None:
    policy = Answering("i3")
    assert isinstance(policy, Policy)
    evaluate_policy(policy, users, episodes=3)
    (at_first, first_histories, ten), (again, _, one), *rest = policy.questions
    assert (ten, one) == (10, 1)
    assert at_first == again
    for user, history in zip(at_first, first_histories, strict=True):
        assert history == users.history(user)
    running, histories, _ = rest[0]
    assert set(running) <= set(at_first)
    for user, (items, likes, ratings) in zip(running, histories, strict=True):
        assert items[-1] == "i3" or "i3" in users.history(user).items
        assert len(items) == len(likes) == len(ratings)


def test_what_an_own_policy_recommends_is_what_counts(users: Audience) -> None:
    best = evaluate_policy(Popular(users.item_ids), users, episodes=20)
    rules = users.settings.model_copy(update={"seen_items": "penalise"})
    same = evaluate_policy(Answering("i3"), users, episodes=20, settings=rules)
    assert best["coverage"].mean > same["coverage"].mean == pytest.approx(1 / 40)
    assert best["average_reward"].mean > same["average_reward"].mean
    by_row = evaluate_policy(Answering(np.int64(3)), users, episodes=20, settings=rules)
    assert by_row.estimates == same.estimates


def test_an_own_policy_that_repeats_itself_is_told_and_not_counted_as_repeating(users: Audience) -> None:
    settings = EnvironmentSettings(end_probability=0.1)
    with pytest.warns(
        RepetitionWarning, match=r"an open item stood in for each .* the histories that recommend\(\) is"
    ):
        same = evaluate_policy(Answering("i3"), users, episodes=100, settings=settings)
    assert same["repetition"].mean < 0.5
    assert same["coverage"].mean > 1 / 40


def test_slates_of_an_own_policy_are_shown(users: Audience) -> None:
    settings = EnvironmentSettings(actions="slate", slate_size=3, candidates=10)
    values = evaluate_policy(Popular(users.item_ids), users, episodes=5, settings=settings)
    assert values["coverage"].mean >= 3 / 40
    with pytest.raises(ValueError, match="expected a slate"):
        evaluate_policy(Answering("i3"), users, episodes=5, settings=settings)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ("i99", ValueError, r"policy.recommend\[0\]: there is no item 'i99'"),
        (40, ValueError, r"policy.recommend\[0\]: found 40, expected a row number from 0 to 39"),
        ([], ValueError, r"policy.recommend: found \[\] for 4 users, expected an item for each"),
        ([[], [], [], []], ValueError, "found from 0 to 0 items a user, expected from 1 to 10"),
        ([["i1"] * 11] * 4, ValueError, "found from 11 to 11 items a user"),
        (None, TypeError, "policy.recommend: found None, expected items in a list"),
        ([None] * 4, TypeError, r"policy.recommend\[0\]: found None"),
        ([1.0] * 4, TypeError, r"policy.recommend\[0\]: found 1\.0"),
        (np.full((4, 2, 2), 1), TypeError, r"policy.recommend\[0\]: found \[1, 1\]"),
        (np.array(3), ValueError, "policy.recommend: found array"),
    ],
)
def test_an_answer_that_cannot_be_used_is_shown(
    users: Audience, answer: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        evaluate_policy(Answering(answer), users, episodes=4)


def test_an_item_outside_of_the_catalogue_is_named(users: Audience) -> None:
    settings = EnvironmentSettings(catalogue_size=3)
    absent = next(item for item in users.item_ids if item not in users.catalogue(settings))
    with pytest.raises(ValueError, match=f"found item '{absent}', expected one of the 3 that sessions may recommend"):
        evaluate_policy(Answering(absent), users, episodes=2, settings=settings)


@pytest.mark.parametrize("algorithm", [A2C, PPO, DQN, QRDQN, MaskablePPO])
def test_agents_are_ranked_by_their_networks(
    users: Audience, algorithm: type[A2C | PPO | DQN | QRDQN | MaskablePPO]
) -> None:
    agent = algorithm("MultiInputPolicy", make_vec_env(users, 2), seed=0)
    values = evaluate_policy(agent, users, episodes=4)
    assert values.policy == algorithm.__name__
    assert values["liking_at_10"].mean > 0
    assert values["repetition"].mean == 0  # what would earn nothing is left out


def test_agents_of_other_actions_are_asked_what_they_do(users: Audience) -> None:
    for actions in ("candidates", "embedding", "slate"):
        settings = EnvironmentSettings(actions=actions, candidates=6, slate_size=2)
        agent = A2C("MultiInputPolicy", make_vec_env(users, 2, settings=settings), seed=0)
        assert evaluate_policy(agent, users, episodes=3, settings=settings).episodes == 3


def test_an_agent_of_other_sessions_is_refused(users: Audience) -> None:
    agent = A2C("MultiInputPolicy", make_vec_env(users, 2, settings=EnvironmentSettings(catalogue_size=5)), seed=0)
    with pytest.raises(ValueError, match=r"policy: found an agent with actions Discrete\(5\), expected Discrete\(40\)"):
        evaluate_policy(agent, users, episodes=2)


def test_a_policy_of_the_run_is_judged_as_in_the_report(folder: RunFolder, users: Audience) -> None:
    policy = load_policy(str(folder.root), "dqn")
    found = evaluate_policy(policy, users, episodes=8, seed=4)
    own = policy.policy
    expected = policy_evaluation.evaluate_policy(own.policy, users.simulator, own.environment, 8, 4).metrics()
    assert {name: estimate.mean for name, estimate in found.estimates.items()} == pytest.approx(expected)


def test_a_policy_of_the_run_recommends_by_ids_and_rows(folder: RunFolder) -> None:
    policy = load_policy(folder.root, "dqn")
    (first,), (second,) = policy.recommend(["u12"], k=3), policy.recommend(np.array([12]), k=3)
    assert first == second
    assert len({item.item for item in first}) == 3
    assert policy.recommend([]) == []
    for arguments, message in (((["u99"],), "no user 'u99'"), (([0], 0), "k: found 0"), (([0], 41), "k: found 41")):
        with pytest.raises(ValueError, match=message):
            policy.recommend(*arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="name: there is no policy 'best'"):
        load_policy(folder.root, "best")
    with pytest.raises(ValueError, match=r"name: .*no policy of ppo"):
        load_policy(folder.root, "ppo")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"policy": 5}, TypeError, r"policy: found 5, expected an agent of Stable-Baselines3"),
        ({"policy": Answering}, TypeError, "policy: found <class"),
        ({"users": "sample"}, TypeError, "users: found 'sample' of type str"),
        ({"episodes": 1}, ValueError, "episodes: found 1, expected a whole number from 2"),
        ({"seed": 1.5}, TypeError, r"seed: found 1\.5"),
        ({"settings": "paper"}, TypeError, "settings: found 'paper'"),
    ],
)
def test_what_is_wrong_with_an_argument_is_said(
    users: Audience, arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        evaluate_policy(**({"policy": Answering("i3"), "users": users} | arguments))  # type: ignore[arg-type]
