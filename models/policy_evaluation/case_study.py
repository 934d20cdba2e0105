"""One recommendation session told in full: what was recommended, how each model voted and why, what it was worth.

Source: the case study of arXiv 2412.16984.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from models.agents.policies import Policy
from models.explanation.attribution import Pairs
from models.explanation.explainer import explain_responses
from models.explanation.explanation import Explanation
from models.explanation.votes import KeywordRecord
from models.interactions import NO_ITEM, Interactions
from models.policy_evaluation.episodes import steps
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator

_FEW, _SHOWN = 3, 12


@dataclass(frozen=True)
class Recommendation:
    """One step of a session.

    Parameters
    ----------
    explanation
        The reaction and its reasons, given the history before the step.
    reward
        What the step earned.
    repeated
        The user had seen the item before, so it earned nothing and did not join the history.
    history_size, history_likes
        Length of the remembered history after the step, and the likes in it.
    """

    explanation: Explanation
    reward: float
    repeated: bool
    history_size: int
    history_likes: int


@dataclass(frozen=True)
class CaseStudy:
    """A session of one user.

    Parameters
    ----------
    user, user_name
        Row number, and a name for people.
    policy
        Name of who recommended.
    before
        Pairs (item name, liked) of the training history, oldest first.
    recommendations
        The steps.
    """

    user: int
    user_name: str
    policy: str
    before: tuple[tuple[str, bool], ...]
    recommendations: tuple[Recommendation, ...]

    def to_json(self) -> dict[str, JsonValue]:
        """The session as JSON values; of the history before it the latest twelve items are named."""
        total, steps = 0.0, []
        for number, recommendation in enumerate(self.recommendations, start=1):
            total += recommendation.reward
            step: dict[str, JsonValue] = {
                "step": number,
                "explanation": recommendation.explanation.to_json(),
                "reward": recommendation.reward,
                "total_reward": total,
                "repeated": recommendation.repeated,
                "history_size": recommendation.history_size,
                "history_likes": recommendation.history_likes,
            }
            steps.append(step)
        latest: list[JsonValue] = [{"name": name, "like": like} for name, like in self.before[-_SHOWN:]]
        likes = sum(like for _, like in self.before)
        return {
            "user": self.user,
            "user_name": self.user_name,
            "policy": self.policy,
            "history": {"likes": likes, "dislikes": len(self.before) - likes, "latest": latest},
            "recommendations": steps,
        }


@dataclass(frozen=True)
class CaseStudyPlan:
    """Whose session, under which rules, how long.

    Parameters
    ----------
    user, user_name
        Row number, and a name for people.
    length
        Recommendations, fewer where the user has seen everything; the chance of an earlier end is left out.
    seed
        Of the session's coins.
    environment
        Rules of a session.
    """

    user: int
    user_name: str
    length: int
    seed: int
    environment: EnvironmentSettings


def play_case_study(
    simulator: UserSimulator,
    policy: Policy,
    policy_name: str,
    plan: CaseStudyPlan,
    record: KeywordRecord | None = None,
) -> CaseStudy:
    """Play one session and explain each reaction.

    Parameters
    ----------
    simulator
        The audience.
    policy, policy_name
        Who recommends.
    plan
        Whose session.
    record
        Of all items, as in `explain`.
    """
    sessions = Sessions(simulator, plan.environment, [plan.seed])
    sessions.begin(np.array([0]), np.array([plan.user]))
    before = simulator.interactions.histories(np.array([plan.user]), len(simulator.interactions))
    recommendations: list[Recommendation] = []
    history = sessions.histories.copy()
    for step in steps(policy, sessions, endless=True):
        if step.result.items[0] != NO_ITEM:  # something was taken from a slate
            pair = Pairs(np.array([plan.user]), step.result.items, history)
            (explanation,) = explain_responses(
                simulator, pair, step.result.responses, user_names=[plan.user_name], record=record
            )
            history = sessions.histories.copy()
            recommendations.append(
                Recommendation(
                    explanation,
                    float(step.result.rewards[0]),
                    bool(step.result.repeated[0]),
                    int(history.mask.sum()),
                    int(history.likes.sum()),
                )
            )
        if len(recommendations) == plan.length or sessions.seen[0].all():
            break
    names = simulator.knowledge.item_names
    return CaseStudy(
        plan.user,
        plan.user_name,
        policy_name,
        tuple(
            (names[item], like)
            for item, like in zip(before.items[before.mask].tolist(), before.likes[before.mask].tolist(), strict=True)
        ),
        tuple(recommendations),
    )


def typical_user(interactions: Interactions) -> int:
    """A user worth telling of: history of middling length, with at least three likes and three dislikes if possible.

    Returns
    -------
    Row number; of equals the lowest.

    Raises
    ------
    ValueError
        Where nobody has an interaction.
    """
    sizes = np.bincount(interactions.users, minlength=interactions.n_users)
    likes = np.bincount(interactions.users[interactions.likes], minlength=interactions.n_users)
    if not sizes.any():
        raise ValueError("a case study needs a user with training interactions; found none")
    mixed = np.minimum(np.minimum(likes, sizes - likes), _FEW)  # the fewer of likes and dislikes, 0 to 3
    candidates = np.flatnonzero((mixed == mixed[sizes > 0].max()) & (sizes > 0))
    return int(candidates[np.abs(sizes[candidates] - np.median(sizes[candidates])).argmin()])
