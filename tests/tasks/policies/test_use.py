from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from models.agents.export import PolicyNetwork, example_inputs
from models.agents.settings import AgentSettings
from models.agents.training import train_agent
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from storage.errors import DataError, SettingsError
from storage.files import publish_json
from storage.run_folder import RunFolder
from tasks.policies.export import INPUTS, export_policy
from tasks.policies.logs import LogFormat, simulate
from tasks.policies.settings import ReinforceSettings
from tasks.policies.use import learned, load_policy_for_use
from tasks.steps.reinforce import reinforce
from tests.support.network_inputs import network_inputs
from tests.support.trained_runs import N_ITEMS, N_USERS, write_trained_run

SETTINGS = ReinforceSettings(
    agents=AgentSettings(
        algorithms=("ppo",), baselines=("random",), steps=128, n_envs=8, hidden=8, threads=1, seeds=(2, 5),
        evaluation_episodes=4, taste_rank=2,
    ),
    environment=EnvironmentSettings(end_probability=0.2),
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = write_trained_run(tmp_path_factory.mktemp("data") / "tiny")
    reinforce.function(folder, SETTINGS)
    publish_json(folder.path("manifest.json"), {"settings": {"reinforce": SETTINGS.model_dump(mode="json")}})
    return folder


@pytest.mark.parametrize("name", ["ppo", "random", "greedy", "lin_ucb", "item_mean"])
def test_recommendations_carry_the_datasets_own_ids(folder: RunFolder, name: str) -> None:
    policy = load_policy_for_use(folder, name)
    assert policy.environment == SETTINGS.environment
    found = policy.recommend(["u3", "u0"], k=3)
    train = pl.read_parquet(folder.path("interactions.parquet")).filter(pl.col("split") == "train")
    for user, items in zip((3, 0), found, strict=True):
        known = train.filter(pl.col("user_id") == user)["item_id"].to_list()
        assert len({item.item for item in items}) == 3
        for item in items:
            row = int(item.item.removeprefix("i"))
            assert row not in known
            assert item.name == f"item {row}"
            assert 0 < item.probability < 1


def test_the_reason_is_of_the_pair(folder: RunFolder) -> None:
    reason = load_policy_for_use(folder, "ppo").reason("u3", "i4")
    assert (reason.user_name, reason.item_name) == ("User u3", "item 4")


def test_the_first_seed_is_taken_and_others_can_be_named(folder: RunFolder) -> None:
    first, second, other = (learned(load_policy_for_use(folder, "ppo", seed)) for seed in (None, 2, 5))
    torch.testing.assert_close(first.scorer.biases, second.scorer.biases)
    assert not torch.equal(first.scorer.biases, other.scorer.biases)


def test_what_is_not_there_is_named(folder: RunFolder) -> None:
    with pytest.raises(SettingsError, match=r"no policy 'best'\. Known are a2c, dqn"):
        load_policy_for_use(folder, "best")
    with pytest.raises(DataError, match="no policy of dqn"):
        load_policy_for_use(folder, "dqn")
    with pytest.raises(DataError, match="no policy of ppo with seed 3"):
        load_policy_for_use(folder, "ppo", 3)
    with pytest.raises(DataError, match="no user 'u99'"):
        load_policy_for_use(folder, "random").recommend(["u99"], 1)
    with pytest.raises(SettingsError, match="random is no trained policy"):
        learned(load_policy_for_use(folder, "random"))


def test_parquet_logs_hold_every_step(folder: RunFolder, tmp_path: Path) -> None:
    policy, target = load_policy_for_use(folder, "ppo"), tmp_path / "new" / "log.parquet"
    n = simulate(policy, episodes=20, seed=1, log_format="parquet", target=target)
    log = pl.read_parquet(target)
    assert log.height == n
    assert log["episode"].unique().to_list() == list(range(20))
    assert set(log["user_id"]) <= {f"u{u}" for u in range(N_USERS)}
    assert set(log["item_id"]) <= {f"i{i}" for i in range(N_ITEMS)}
    votes = log["keyword_vote"] + log["similarity_vote"] + log["sasrec_vote"]
    assert votes.is_between(0, 3).all()
    assert set(log["like"].to_list()) == {True, False}
    again = tmp_path / "again.parquet"
    simulate(load_policy_for_use(folder, "ppo"), episodes=20, seed=1, log_format="parquet", target=again)
    assert pl.read_parquet(again).equals(log)


def test_recbole_logs_are_atomic_files(folder: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "tiny-ppo"
    n = simulate(load_policy_for_use(folder, "ppo"), episodes=5, seed=1, log_format="recbole", target=target)
    lines = (target / "tiny-ppo.inter").read_text().splitlines()
    header = "session_id:token user_id:token item_id:token rating:float label:float timestamp:float"
    assert lines[0].split("\t") == header.split()
    assert len(lines) == n + 1
    assert {line.split("\t")[1][0] for line in lines[1:]} == {"u"}


def test_minari_logs_can_be_loaded(folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minari = pytest.importorskip("minari")
    target = tmp_path / "tiny-ppo-v0"
    n = simulate(load_policy_for_use(folder, "ppo"), episodes=5, seed=1, log_format="minari", target=target)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    dataset = minari.load_dataset("tiny-ppo-v0")
    assert (dataset.total_episodes, dataset.total_steps) == (5, n)
    parquet = tmp_path / "log.parquet"
    simulate(load_policy_for_use(folder, "ppo"), episodes=5, seed=1, log_format="parquet", target=parquet)
    log = pl.read_parquet(parquet)
    for episode in dataset.iterate_episodes():
        steps = log.filter(pl.col("episode") == episode.id)
        np.testing.assert_allclose(episode.rewards, steps["reward"].to_numpy())
        assert len(episode.observations["seen"]) == steps.height + 1
        assert episode.terminations[-1] or episode.truncations[-1]


@pytest.mark.parametrize("log_format", ["minari"])
def test_a_missing_package_is_named(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_format: LogFormat
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "minari", None)
    with pytest.raises(SettingsError, match="pip install minari"):
        simulate(load_policy_for_use(folder, "ppo"), episodes=1, seed=1, log_format=log_format, target=tmp_path / "x")


def test_an_exported_policy_says_what_its_numbers_mean(folder: RunFolder, tmp_path: Path) -> None:
    policy = load_policy_for_use(folder, "ppo")
    about = json.loads(export_policy(policy, tmp_path / "ppo.pt2", "pt2").read_text())
    assert about["inputs"] == ["items", "likes", "ratings", "session", "seen"]
    assert (about["history"], len(about["items"]), len(about["actions"])) == (10, N_ITEMS, N_ITEMS)
    loaded = torch.export.load(tmp_path / "ppo.pt2").module()
    network = PolicyNetwork(learned(policy), policy.simulator, policy.environment).eval()
    example = example_inputs(network, users=3)
    torch.testing.assert_close(loaded(*example), network(*example))


def test_an_onnx_file_scores_as_the_network_all_through_sessions(folder: RunFolder, tmp_path: Path) -> None:
    onnx_reference = pytest.importorskip("onnx.reference")
    pytest.importorskip("onnxscript")
    policy = load_policy_for_use(folder, "ppo")
    export_policy(policy, tmp_path / "ppo.onnx", "onnx")
    exported = onnx_reference.ReferenceEvaluator(str(tmp_path / "ppo.onnx"))
    network = PolicyNetwork(learned(policy), policy.simulator, policy.environment).eval()
    sessions = Sessions(policy.simulator, policy.environment, range(7))
    for _ in range(3):
        inputs = network_inputs(network, sessions)
        found = exported.run(None, {name: part.numpy() for name, part in zip(INPUTS, inputs, strict=True)})[0]
        with torch.inference_mode():
            np.testing.assert_allclose(found, network(*inputs).numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found.argmax(axis=1), policy.policy.actions(sessions))
        sessions.step(policy.policy.actions(sessions))


def test_policies_that_choose_candidates_are_not_exported(folder: RunFolder, tmp_path: Path) -> None:
    policy = load_policy_for_use(folder, "ppo")
    rules = EnvironmentSettings(actions="candidates", candidates=6)
    agent = train_agent(policy.simulator, rules, SETTINGS.agents, "a2c", seed=0)
    with pytest.raises(SettingsError, match=r"trained with environment\.actions=catalogue"):
        export_policy(replace(policy, policy=agent.policy), tmp_path / "a2c.pt2", "pt2")
    assert not list(tmp_path.iterdir())
