from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from models.agents.policies import recommend
from models.agents.settings import (
    ALGORITHMS,
    AgentSettings,
    AlgorithmName,
    BaselineName,
    DQNSettings,
    QRDQNSettings,
)
from models.agents.training import train_agent
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from storage.errors import DataError, SettingsError
from storage.run_folder import RunFolder
from tasks.loading import load_simulator
from tasks.policies.checkpoints import PolicyCheckpoint, load_checkpoint, load_policy, save_policy
from tasks.policies.settings import ReinforceSettings
from tasks.steps.reinforce import reinforce
from tests.support.trained_runs import N_ITEMS, N_USERS, write_trained_run, write_truth

AGENTS = AgentSettings(
    steps=128,
    n_envs=8,
    hidden=8,
    threads=1,
    processes=1,
    seeds=(1, 2),
    evaluation_episodes=12,
    dqn=DQNSettings(learning_starts=32, gradient_steps=1),
    qrdqn=QRDQNSettings(learning_starts=32, gradient_steps=1),
    algorithms=ALGORITHMS,
)
ONE_A2C = AGENTS.model_copy(update={"algorithms": ("a2c",), "on_vote": (), "seeds": (1,)})
SETTINGS = ReinforceSettings(agents=AGENTS, environment=EnvironmentSettings(end_probability=0.2))
BASELINES = {"random", "popularity", "item_mean", "sasrec", "lin_ucb", "untrained", "greedy", "greedy_ensemble"}
METRICS = {"average_reward", "total_reward", "liking_at_10", "coverage", "gini", "novelty", "diversity", "repetition"}
DIFFERENCES = {"over_untrained", "over_item_mean", "regret"}
TRAINED = {*ALGORITHMS, "dqn_on_vote"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = write_trained_run(tmp_path_factory.mktemp("data") / "tiny")
    assert reinforce.function(folder, SETTINGS)["trained"] == 2 * len(TRAINED)
    return folder


def published(folder: RunFolder) -> dict[str, object]:
    return json.loads(folder.path("report/reinforcement.json").read_text())


def test_every_policy_is_in_the_comparison(folder: RunFolder) -> None:
    result = published(folder)
    assert (result["dataset"], result["steps"], result["seeds"], result["episodes"]) == ("tiny", 128, [1, 2], 12)
    assert result["catalogue"] == N_ITEMS
    policies, curves = result["policies"], result["learning_curves"]
    assert isinstance(policies, dict)
    assert isinstance(curves, dict)
    assert policies.keys() == BASELINES | TRAINED
    assert curves.keys() == TRAINED
    for row in policies.values():
        assert row.keys() == METRICS | DIFFERENCES | {"training_seconds", "judgement"}
        for name in METRICS | DIFFERENCES:
            low, high = row[name]["ci95"]
            assert low <= row[name]["mean"] <= high
        assert row["total_reward"]["mean"] == pytest.approx(12 * row["average_reward"]["mean"])
    assert policies["item_mean"]["over_item_mean"]["mean"] == 0
    assert policies["greedy_ensemble"]["regret"]["mean"] == 0
    best = policies["greedy_ensemble"]["average_reward"]["mean"]
    for row in policies.values():
        assert row["regret"]["mean"] == pytest.approx(best - row["average_reward"]["mean"])
    comparisons, n = result["comparisons"], len(policies)
    assert isinstance(comparisons, list)
    assert len(comparisons) == n * (n - 1) / 2


def test_a_rerun_trains_nothing_again_and_gives_the_same_numbers(folder: RunFolder) -> None:
    before = published(folder)
    assert reinforce.function(folder, SETTINGS)["reused"] == 2 * len(TRAINED)
    assert published(folder) == before


def test_after_a_kill_only_what_is_missing_is_trained(folder: RunFolder) -> None:
    before = published(folder)
    weights = folder.path("policies/ppo/seed-2/weights.safetensors")
    content = weights.read_bytes()
    weights.write_bytes(content[:100])  # damaged
    folder.path("policies/dqn/seed-1/settings.json").unlink()  # incomplete
    summary = reinforce.function(folder, SETTINGS)
    assert (summary["trained"], summary["reused"]) == (2, 2 * len(TRAINED) - 2)
    assert weights.read_bytes() == content
    policies, old = published(folder)["policies"], before["policies"]
    assert isinstance(policies, dict)
    assert isinstance(old, dict)
    assert policies["ppo"]["average_reward"] == old["ppo"]["average_reward"]


def test_another_evaluation_trains_nothing_again(folder: RunFolder) -> None:
    more = SETTINGS.model_copy(update={"agents": AGENTS.model_copy(update={"evaluation_episodes": 5})})
    assert reinforce.function(folder, more)["trained"] == 0


def test_another_simulator_trains_everything_again_and_old_policies_go(tmp_path: Path) -> None:
    few = SETTINGS.model_copy(update={"agents": AGENTS.model_copy(update={"algorithms": ("a2c",), "on_vote": ()})})
    folder = write_trained_run(tmp_path / "tiny", seed=0)
    assert reinforce.function(folder, few)["trained"] == 2
    write_trained_run(tmp_path / "tiny", seed=1)
    assert reinforce.function(folder, few)["trained"] == 2
    one = few.model_copy(update={"agents": few.agents.model_copy(update={"seeds": (2,)})})
    assert reinforce.function(folder, one)["trained"] == 0
    assert [path.name for path in folder.path("policies").glob("*/*")] == ["seed-2"]


def test_without_algorithms_the_baselines_are_compared(tmp_path: Path) -> None:
    none = SETTINGS.model_copy(update={"agents": AGENTS.model_copy(update={"algorithms": ()})})
    folder = write_trained_run(tmp_path / "tiny")
    reinforce.function(folder, none)
    policies = published(folder)["policies"]
    assert isinstance(policies, dict)
    assert policies.keys() == BASELINES
    assert folder.path("policies").is_dir()


@pytest.mark.parametrize("name", ["dqn", "ppo", "qrdqn", "maskable_ppo"])
def test_a_stored_policy_acts_exactly_as_the_trained_one(
    folder: RunFolder, tmp_path: Path, name: AlgorithmName
) -> None:
    simulator = load_simulator(folder)
    agent = train_agent(simulator, SETTINGS.environment, AGENTS, name, seed=3)
    checkpoint = PolicyCheckpoint.of(agent, name, 3, "", SETTINGS.environment)
    elsewhere = RunFolder(tmp_path)
    save_policy(elsewhere, agent.policy, checkpoint)
    loaded, trained = load_policy(elsewhere, name, 3), agent.policy
    assert load_checkpoint(elsewhere, name, 3) == checkpoint
    sessions = Sessions(simulator, SETTINGS.environment, range(32))
    for _ in range(5):
        np.testing.assert_array_equal(loaded.scores(sessions), trained.scores(sessions))
        sessions.step(loaded.actions(sessions))


def test_policies_are_stored_without_pickle(folder: RunFolder) -> None:
    names = {path.name for path in folder.path("policies").glob("*/*/*")}
    assert names == {"weights.safetensors", "settings.json"}


def test_a_missing_policy_is_named(folder: RunFolder) -> None:
    with pytest.raises(DataError, match="seed-9"):
        load_policy(folder, "ppo", 9)


def test_several_processes_train_the_same_policies(folder: RunFolder, tmp_path: Path) -> None:
    one = AGENTS.model_copy(update={"algorithms": ("a2c",), "on_vote": (), "baselines": ("random",)})
    two = SETTINGS.model_copy(update={"agents": one.model_copy(update={"processes": 2})})
    elsewhere = write_trained_run(tmp_path / "tiny")
    assert reinforce.function(elsewhere, two)["trained"] == 2
    for seed in AGENTS.seeds:
        name = f"policies/a2c/seed-{seed}/weights.safetensors"
        assert elsewhere.path(name).read_bytes() == folder.path(name).read_bytes()


def test_training_logs_are_kept_where_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agents = AGENTS.model_copy(
        update={"algorithms": ("a2c",), "on_vote": (), "baselines": (), "seeds": (1,), "log": ("csv",)}
    )
    folder = write_trained_run(tmp_path / "tiny")
    reinforce.function(folder, SETTINGS.model_copy(update={"agents": agents}))
    assert folder.path("training_logs/a2c/seed-1/progress.csv").is_file()
    board = SETTINGS.model_copy(update={"agents": agents.model_copy(update={"log": ("tensorboard",), "seeds": (2,)})})
    monkeypatch.setattr("tasks.steps.reinforce.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pip install tensorboard"):
        reinforce.function(folder, board)


def test_tensorboard_can_read_the_logs_of_training(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    agents = AGENTS.model_copy(
        update={
            "algorithms": ("ppo",),
            "on_vote": (),
            "baselines": (),
            "seeds": (1,),
            "log": ("tensorboard",),
            "steps": 2048,
        }
    )
    folder = write_trained_run(tmp_path / "tiny")
    reinforce.function(folder, SETTINGS.model_copy(update={"agents": agents}))
    events = accumulator.EventAccumulator(str(folder.path("training_logs/ppo/seed-1"))).Reload()
    losses = events.Scalars("train/value_loss")
    assert losses
    assert all(np.isfinite(point.value) for point in losses)


def test_policies_may_be_evaluated_on_users_whom_they_never_met(tmp_path: Path) -> None:
    folder = write_trained_run(tmp_path / "tiny")
    agents = AGENTS.model_copy(
        update={"algorithms": ("a2c",), "on_vote": (), "baselines": ("random", "greedy"), "seeds": (1,)}
    )
    settings = ReinforceSettings(agents=agents, environment=SETTINGS.environment, on_held_out_users=True)
    reinforce.function(folder, settings)
    assert published(folder)["users"] == "held_out"
    assert load_checkpoint(folder, "a2c", 1).environment.users == "train"
    everybody = settings.model_copy(update={"on_held_out_users": False})
    assert reinforce.function(folder, everybody)["trained"] == 1  # the other users make another policy
    assert published(folder)["users"] == "all"


@pytest.mark.parametrize(
    ("actions", "algorithms"),
    [("candidates", ("a2c", "dqn", "maskable_ppo")), ("embedding", ("a2c",)), ("slate", ("a2c", "maskable_ppo"))],
)
def test_every_action_space_is_trained_stored_and_compared_with_baselines(
    tmp_path: Path, actions: str, algorithms: tuple[AlgorithmName, ...]
) -> None:
    folder = write_trained_run(tmp_path / "tiny")
    rules = EnvironmentSettings.model_validate(
        {"actions": actions, "end_probability": 0.2, "candidates": 6, "slate_size": 2, "embedding_size": 5}
    )
    baselines: tuple[BaselineName, ...] = (*sorted(BASELINES), "nearest")  # type: ignore[arg-type]
    agents = AGENTS.model_copy(update={"algorithms": algorithms, "on_vote": (), "baselines": baselines, "seeds": (1,)})
    settings = ReinforceSettings(agents=agents, environment=rules)
    assert reinforce.function(folder, settings)["trained"] == len(algorithms)
    before = published(folder)
    assert before["policies"].keys() == {*baselines, *algorithms}  # type: ignore[attr-defined]  # a dictionary
    assert reinforce.function(folder, settings)["reused"] == len(algorithms)
    assert published(folder) == before
    simulator = load_simulator(folder)
    agent = train_agent(simulator, rules, agents, algorithms[0], seed=1)
    loaded, sessions = load_policy(folder, algorithms[0], 1), Sessions(simulator, rules, range(16))
    for _ in range(3):
        chosen = loaded.actions(sessions)
        np.testing.assert_array_equal(chosen, agent.policy.actions(sessions))
        sessions.step(chosen)
    found = recommend(loaded, simulator, rules, np.arange(5), k=4)
    known = [set(simulator.interactions.items[simulator.interactions.users == user]) for user in range(5)]
    for items, old in zip(found.items.tolist(), known, strict=True):
        assert not set(items) & old


def test_algorithms_that_an_action_space_has_no_use_for_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"dqn cannot learn with environment\.actions=embedding"):
        ReinforceSettings(environment=EnvironmentSettings(actions="embedding"))


def test_an_agent_trained_on_the_vote_stands_beside_the_others_for_contrast(folder: RunFolder) -> None:
    assert load_checkpoint(folder, "dqn_on_vote", 1).environment.reaction == "vote"
    assert load_checkpoint(folder, "dqn_on_vote", 1).environment.reward == "reaction"
    assert load_checkpoint(folder, "dqn", 1).environment == SETTINGS.environment
    by_vote = SETTINGS.environment.model_copy(update={"reaction": "vote", "reward": "reaction"})
    assert SETTINGS.trained == (*ALGORITHMS, "dqn_on_vote")
    assert SETTINGS.model_copy(update={"environment": by_vote}).trained == ALGORITHMS
    slates = EnvironmentSettings(actions="slate")
    few = AGENTS.model_copy(update={"algorithms": ("a2c",)})
    assert ReinforceSettings(agents=few, environment=slates).trained == ("a2c",), "DQN cannot learn slates"


def test_held_out_ratings_judge_real_data_and_the_truth_a_generated_world(folder: RunFolder, tmp_path: Path) -> None:
    result = published(folder)
    assert result["judge"] == "held_out_ratings"
    assert result["judged_reactions"] > 0  # type: ignore[operator]  # a number
    policies = result["policies"]
    assert isinstance(policies, dict)
    for row in policies.values():
        assert 0 <= row["judgement"]["snips"]["mean"] <= 1
        assert row["judgement"]["over_item_mean"]["ci95"][0] <= row["judgement"]["over_item_mean"]["ci95"][1]
    assert policies["untrained"]["judgement"]["over_untrained"]["mean"] == 0
    assert result["agreement"]["policies"] == len(policies)  # type: ignore[index]  # a dictionary

    world = write_trained_run(tmp_path / "tiny")
    write_truth(world, N_USERS, N_ITEMS)
    few = AGENTS.model_copy(update={"algorithms": ("a2c",), "on_vote": (), "baselines": ("random", "item_mean")})
    reinforce.function(world, SETTINGS.model_copy(update={"agents": few}))
    generated = published(world)
    assert generated["judge"] == "truth"
    rows = generated["policies"]
    assert isinstance(rows, dict)
    assert rows.keys() == {"random", "item_mean", "a2c", "greedy_truth"}
    best = rows.pop("greedy_truth")["judgement"]["value"]["mean"]
    assert all(row["judgement"]["value"]["mean"] <= best for row in rows.values())
    assert generated["agreement"]["policies"] == 3  # type: ignore[index]  # a dictionary
