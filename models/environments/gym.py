"""The simulator as a Gymnasium environment: one simulated user, one recommendation a step.

It is registered as `recaudience/Recommend-v0` in tasks/audience/registration.py.
"""

from __future__ import annotations

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from models.environments.actions import checked_actions
from models.environments.repetition import RepetitionWatch
from models.interactions import NO_ITEM
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator
from models.simulation.state import STATE_BOUND, STATISTICS
from models.simulation.step_result import StepResult

Observation = dict[str, NDArray[np.number]]
Info = dict[str, object]


def observation_bounds(sessions: Sessions) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest and highest values of the observation "user": float32 arrays of shape (d + 5,)."""
    d = sessions.simulator.sasrec.item_vectors().shape[1]
    best = sessions.settings.highest_reward  # of the mean and of the last reward
    worst = 0 - sessions.settings.seen_penalty
    low = np.concatenate([np.full(d, -STATE_BOUND), [worst, worst], np.zeros(STATISTICS - 2)]).astype(np.float32)
    high = np.concatenate([np.full(d, STATE_BOUND), [best, best], np.ones(STATISTICS - 2)]).astype(np.float32)
    return low, high


def observation_space(sessions: Sessions) -> spaces.Dict:
    """Space of one session's observation: "user" (compact state, bounded) and the parts of the action space.

    Gymnasium types `spaces.Dict` as a space of dicts of spaces, hence the ignored complaint at its use.
    """
    low, high = observation_bounds(sessions)
    return spaces.Dict({"user": spaces.Box(low, high, dtype=np.float32), **sessions.action_space.parts})


def infos(sessions: Sessions, result: StepResult) -> list[Info]:
    """What each of b steps was about: user, item, the three votes, the calibrated probability, terms of the reward.

    "invalid" says that the action named what the user had seen, "repeated" that this was recommended: where such items
    are masked, "item" is the one that stood in for it.

    Where slates are shown: the slate's items, votes and probabilities, which place was taken (k for none), and of what
    was taken the same as otherwise; item `NO_ITEM` and no like where nothing was.
    """
    responses = result.responses
    columns = (
        sessions.users.tolist(),
        result.items.tolist(),
        list(responses.votes),
        responses.probability.tolist(),
        (responses.like & (result.items != NO_ITEM)).tolist(),
        result.repeated.tolist(),
        result.invalid.tolist(),
        result.novelties.tolist(),
        result.diversities.tolist(),
    )
    details: list[Info] = [
        {
            "user": user,
            "item": item,
            "votes": votes,
            "probability": p,
            "like": like,
            "repeated": repeated,
            "invalid": invalid,
            "novelty": novelty,
            "diversity": diversity,
        }
        for user, item, votes, p, like, repeated, invalid, novelty, diversity in zip(*columns, strict=True)
    ]
    if result.slates is not None:
        for row, info in enumerate(details):
            info["slate"] = result.slates.items[row]
            info["slate_votes"] = result.slates.votes[row]
            info["slate_probabilities"] = result.slates.probabilities[row]
            info["choice"] = int(result.slates.choices[row])
    return details


class RecommendEnv(gymnasium.Env[Observation, np.number | NDArray[np.number]]):
    """A batch of one session.

    Parameters
    ----------
    simulator
        The audience.
    settings
        Rules of a session.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  # Gymnasium's own name and type

    def __init__(self, simulator: UserSimulator, settings: EnvironmentSettings | None = None) -> None:
        self._simulator, self._settings = simulator, settings or EnvironmentSettings()
        self._sessions = Sessions(simulator, self._settings, [0])
        self._first_reset, self._watch = True, RepetitionWatch()
        self.observation_space = observation_space(self._sessions)  # type: ignore[assignment]  # see observation_space
        self.action_space = self._sessions.action_space.space  # type: ignore[assignment]  # of whatever settings say

    @property
    def catalogue(self) -> NDArray[np.int64]:
        """int64 array of shape (n_actions,): the item of each action."""
        return self._sessions.catalogue

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> tuple[Observation, Info]:
        """Begin a session.

        Parameters
        ----------
        seed
            Starts the environment's random stream; without one it goes on, or, at the first reset, is arbitrary.
        options
            {"user": row number} begins with that user instead of one drawn.

        Raises
        ------
        ValueError
            Where there is no such user.
        """
        super().reset(seed=seed)
        rows, user = np.array([0]), None
        if options and "user" in options:
            user = np.array([self._checked_user(options["user"])])
        if seed is not None or self._first_reset:
            start = seed if seed is not None else int(self.np_random.integers(2**63))
            self._sessions = Sessions(self._simulator, self._settings, [start])
        elif user is None:
            self._sessions.begin(rows)
        if user is not None:
            self._sessions.begin(rows, user)
        self._first_reset = False
        return self._observation(), {"user": int(self._sessions.users[0])}

    def action_masks(self) -> NDArray[np.bool_]:
        """What may be chosen, as sb3-contrib's MaskablePPO asks for it; see `models.simulation.action_spaces`."""
        return self._sessions.action_space.masks(self._sessions)[0]

    def step(self, action: np.number | NDArray[np.number]) -> tuple[Observation, float, bool, bool, Info]:
        """Take an action: with the catalogue as action space, recommend the item `catalogue[action]`.

        Returns
        -------
        Observation, reward, terminated, truncated, info; see `models.simulation.session`.

        Raises
        ------
        ValueError
            Where the action is none of the action space.
        """
        actions = checked_actions(self._sessions.action_space.space, [action], 1, "action")
        result = self._sessions.step(self._sessions.action_space.resolve(self._sessions, actions))
        self._watch.count(result.invalid, self._settings)
        return (
            self._observation(),
            float(result.rewards[0]),
            bool(result.terminated[0]),
            bool(result.truncated[0]),
            infos(self._sessions, result)[0],
        )

    def _observation(self) -> Observation:
        return {name: values[0] for name, values in self._sessions.observations().items()}

    def _checked_user(self, user: object) -> int:
        if not isinstance(user, int) or not 0 <= user < self._simulator.n_users:
            raise ValueError(f"option user: found {user!r}, expected a row number below {self._simulator.n_users}")
        return user
