from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.agents.settings import AgentSettings
from models.simulation.settings import EnvironmentSettings
from storage.errors import SettingsError
from storage.files import publish_json
from storage.run_folder import RunFolder
from tasks.evaluation.cross_check import REPORT, REWARDS, CrossCheck, cross_check, cross_check_rows
from tasks.policies.settings import ReinforceSettings
from tests.support.trained_runs import write_trained_run

SETTINGS = ReinforceSettings(
    agents=AgentSettings(
        baselines=("random", "greedy"), n_envs=8, hidden=8, threads=1, seeds=(2,), evaluation_episodes=6, taste_rank=2
    ),
    environment=EnvironmentSettings(end_probability=0.2),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = write_trained_run(tmp_path_factory.mktemp("data") / "tiny")
    publish_json(folder.path("manifest.json"), {"settings": {"reinforce": SETTINGS.model_dump(mode="json")}})
    return folder


def test_every_policy_is_judged_by_every_reward_and_by_logged_ratings(folder: RunFolder) -> None:
    check = cross_check(folder, ["a2c"], steps=64, episodes=5)
    names = [policy.name for policy in check.policies]
    assert names == ["random", "greedy", *(f"a2c on {mode}" for mode in REWARDS)]
    assert CrossCheck.model_validate(json.loads(Path(folder.path(REPORT)).read_text())) == check
    assert (check.steps, check.episodes) == (64, 5)
    for policy in check.policies:
        assert policy.simulated.keys() == set(REWARDS)
        assert 0 < policy.effective_reactions <= check.logged_reactions
    assert check.rank_correlations["dr"]["dr"] == pytest.approx(1)
    rows = cross_check_rows(check)
    assert {len(row) for row in rows} == {7}
    assert rows[-1][0] == "rank correlation with DR"


def test_unknown_algorithms_are_named(folder: RunFolder) -> None:
    with pytest.raises(SettingsError, match="no algorithm 'sarsa'"):
        cross_check(folder, ["sarsa"])
