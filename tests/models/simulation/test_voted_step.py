"""A step in one compiled pass is the step that sessions take loop by loop."""

from __future__ import annotations

import numpy as np
import pytest

from models.simulation.session import SessionBatch
from models.simulation.settings import EnvironmentSettings
from models.simulation.voted_step import votes_alone
from tests.support.worlds import tiny_world

SETTINGS = EnvironmentSettings(end_probability=0.1, max_steps=12)
MORE_THAN_IS_READ_AHEAD = 150


@pytest.mark.parametrize(
    ("changed", "in_one_pass"),
    [
        ({}, True),
        ({"seen_penalty": 0.5}, True),
        ({"repeats": "allow", "known_items": "allow"}, True),
        ({"max_history": 3}, True),
        ({"max_history": 100}, True),
        ({"catalogue_size": 6, "users": "held_out"}, True),
        ({"seen_items": "mask"}, False),
        ({"novelty_weight": 0.5}, False),
        ({"reward": "sasrec"}, False),
        ({"reward": "draw"}, False),
    ],
)
def test_sessions_advance_as_they_step(changed: dict[str, object], in_one_pass: bool) -> None:
    world, settings = tiny_world(2), SETTINGS.model_copy(update=changed)
    assert votes_alone(world, settings) == in_one_pass
    advancing, stepping = (SessionBatch(world, settings, range(7), explained=False) for _ in range(2))
    rng, cut_off, earned = np.random.default_rng(0), 0, 0.0
    for turn in range(MORE_THAN_IS_READ_AHEAD):
        actions = rng.integers(advancing.n_actions, size=7)
        rewards, done, truncated, looked = advancing.advance(actions)
        outcome = stepping.act(actions)
        np.testing.assert_array_equal(rewards, outcome.rewards)
        np.testing.assert_array_equal(done, outcome.done)
        np.testing.assert_array_equal(truncated, outcome.truncated)
        for name, part in looked.items():
            np.testing.assert_array_equal(part, stepping.observations(np.flatnonzero(truncated))[name])
        stepping.begin(np.flatnonzero(done))
        if turn % 10 == 0:
            for batch in (advancing, stepping):
                batch.begin(np.array([turn % 7]), np.array([1]))
        np.testing.assert_array_equal(advancing.users, stepping.users)
        for name, part in advancing.observations().items():
            np.testing.assert_array_equal(part, stepping.observations()[name])
        for found, expected in zip(advancing.histories.arrays(), stepping.histories.arrays(), strict=True):
            np.testing.assert_array_equal(found, expected)
        assert bool(looked) == truncated.any()
        cut_off, earned = cut_off + int(truncated.sum()), earned + float(rewards.sum())
    assert cut_off > 0
    assert earned != 0
