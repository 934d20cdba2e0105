"""A step as most learners ask for it, compiled as a whole: users vote on an item, react, stay or leave, are observed.

`SessionBatch` does the same, and more, loop by loop. With a few dozen sessions what lies between the loops takes nearly
as long as they do: whenever a learner has worked, the interpreter finds nothing of its own in the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.kernels.compiled import Plain, loop
from models.response.sasrec.last_position import last_states
from models.response.voting import ask_voters
from models.simulation.random_streams import taken
from models.simulation.session_kernels import SessionArrays, begin, ends, observe, react
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator


class StepRules(NamedTuple):
    """What does not change from step to step; see models/simulation/session_kernels.py.

    Parameters
    ----------
    catalogue, of_reactions
        Of `react`.
    chances, visitors
        Of `ends`.
    training, action_of
        Of `begin`.
    limits
        Of `observe`.
    """

    catalogue: NDArray[np.int64]
    of_reactions: tuple[float, bool]
    chances: NDArray[np.floating]
    visitors: NDArray[np.int64]
    training: Plain
    action_of: NDArray[np.int64]
    limits: tuple[int, int, float]


class VotedStep(NamedTuple):
    """What came of a step of b sessions.

    Parameters
    ----------
    rewards
        float32 array of shape (b,).
    done, truncated
        bool arrays of shape (b,): ended, and cut off at the most steps.
    next_users
        int64 array of shape (b,): who comes when the session ends; -1 where that has happened.
    begun
        Whether the sessions that ended began anew, with their next users. Where one was cut off they did not: how that
        one looked at last is to be asked first.
    states, observed
        Where they began: SASRec's states of all sessions, float32 (b, d), and what `observe` says.
    n_known
        Of how many sessions SASRec's state is known.
    any_at_end
        Whether the numbers that were read ahead are used up in a stream.
    """

    rewards: NDArray[np.float32]
    done: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    next_users: NDArray[np.int64]
    begun: bool
    states: NDArray[np.float32]
    observed: NDArray[np.float32]
    n_known: int
    any_at_end: bool


def votes_alone(simulator: UserSimulator, settings: EnvironmentSettings) -> bool:
    """Whether a step is what `voted_step` does: nothing else earns, is forbidden or is chosen from."""
    remembered = min(settings.max_history, simulator.max_history)
    sasrec = simulator.sasrec
    return (
        settings.reward == "vote"
        and settings.actions == "catalogue"
        and settings.seen_items != "mask"
        and not any(settings.breadth_weights)
        and sasrec.one_block is not None
        and remembered <= min(sasrec.statistics.max_history, sasrec.settings.max_history)
    )


@loop
def voted_step(  # noqa: PLR0917 - what a step needs
    models: tuple[Plain, Plain, Plain],
    of_rules: Plain,
    of_sessions: Plain,
    states: NDArray[np.float32],
    streams: Plain,
    actions: NDArray[np.int64],
    users: NDArray[np.int64],
) -> Plain:
    """Show an item of the catalogue in each of b sessions; returns a `VotedStep` as a plain tuple.

    `models` are those of `ask_voters` and the network of `last_states`, `of_rules` and `of_sessions` are `StepRules`
    and `SessionArrays` as `plain` tuples, `states` (b, d) SASRec's, `streams` those of `RandomStreams.ahead`;
    `actions` (b,) are places in the catalogue; `users` (b,) change where others come.
    """
    rules, sessions = StepRules(*of_rules), SessionArrays(*of_sessions)
    histories, rows = (sessions.items, sessions.likes, sessions.ratings), np.arange(len(actions))
    numbers, any_at_end = taken(streams[0], streams[1], rows)
    coins = numbers.T[0], numbers.T[1]
    _, _, likes = ask_voters((models[0], models[1]), rules.catalogue[actions], (histories, histories), states, coins)
    earned = likes.astype(np.float32)
    _, _, rewards, n_known = react(actions, earned, likes, rules.catalogue, of_sessions, rules.of_reactions)
    terminated, truncated, following = ends(
        numbers[:, 3:5], rules.chances, sessions.steps, rules.limits[0], rules.visitors
    )
    done, begun = terminated | truncated, not truncated.any()
    if begun:
        ended = np.flatnonzero(done)
        users[ended] = following[ended]
        begin(ended, users[ended], rules.training, rules.action_of, of_sessions)
        following[ended] = -1
        states = last_states(models[2][0], models[2][1], histories)
        sessions.states_known[:], n_known = True, len(actions)
        observed = observe(rows, states, of_sessions, rules.limits)
    else:
        observed = np.empty((0, 0), dtype=np.float32)
    return rewards, done, truncated, following, begun, states, observed, n_known, any_at_end
