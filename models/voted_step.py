"""A step as most learners ask for it, compiled as a whole: users vote on an item, react, and stay or leave.

`SessionBatch.step` does the same, and more, loop by loop. With a few dozen sessions what lies between the loops takes
nearly as long as they do: whenever a learner has worked, the interpreter finds nothing of its own in the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.compiled import Plain, loop
from models.environment_settings import EnvironmentSettings
from models.random_streams import taken
from models.session_arrays import SessionArrays, ends, react
from models.simulator import UserSimulator
from models.voters import ask_voters


class StepRules(NamedTuple):
    """What does not change from step to step; see `react` and `ends` in models/session_arrays.py."""

    catalogue: NDArray[np.int64]
    of_reactions: tuple[float, bool]
    chances: NDArray[np.floating]
    most_steps: int
    visitors: NDArray[np.int64]


class VotedStep(NamedTuple):
    """What came of a step of b sessions.

    Parameters
    ----------
    rewards
        float32 array of shape (b,).
    done, truncated
        bool arrays of shape (b,): ended, and cut off at the most steps.
    next_users
        int64 array of shape (b,): who comes next, where a session ends.
    n_known
        Of how many sessions SASRec's state is known still.
    any_at_end
        Whether the numbers that were read ahead are used up in a stream.
    """

    rewards: NDArray[np.float32]
    done: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    next_users: NDArray[np.int64]
    n_known: int
    any_at_end: bool


def votes_alone(simulator: UserSimulator, settings: EnvironmentSettings) -> bool:
    """Whether a step is what `voted_step` does: nothing else earns, is forbidden or is chosen from."""
    remembered = min(settings.max_history, simulator.max_history)
    return (
        settings.reward == "vote"
        and settings.actions == "catalogue"
        and settings.seen_items != "mask"
        and not any(settings.breadth_weights)
        and remembered <= simulator.sasrec.statistics.max_history
    )


@loop
def voted_step(  # noqa: PLR0917 - what a step needs
    models: tuple[Plain, Plain],
    of_rules: Plain,
    of_sessions: Plain,
    states: NDArray[np.float32],
    streams: Plain,
    actions: NDArray[np.int64],
) -> Plain:
    """Show an item of the catalogue in each of b sessions; returns a `VotedStep` as a plain tuple.

    `models` are those of `ask_voters`, `of_rules` and `of_sessions` are `StepRules` and `SessionArrays` as `plain`
    tuples, `states` (b, d) SASRec's, `streams` those of `RandomStreams.ahead`; `actions` (b,) are places there.
    """
    rules, sessions = StepRules(*of_rules), SessionArrays(*of_sessions)
    histories, rows = (sessions.items, sessions.likes, sessions.ratings), np.arange(len(actions))
    numbers, any_at_end = taken(streams[0], streams[1], rows)
    coins = numbers.T[0], numbers.T[1]
    _, _, likes = ask_voters(models, rules.catalogue[actions], (histories, histories), states, coins)
    earned = likes.astype(np.float32)
    _, _, rewards, n_known = react(actions, earned, likes, rules.catalogue, of_sessions, rules.of_reactions)
    terminated, truncated, following = ends(
        numbers[:, 3:5], rules.chances, sessions.steps, rules.most_steps, rules.visitors
    )
    return rewards, terminated | truncated, truncated, following, n_known, any_at_end
