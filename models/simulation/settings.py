"""Rules of a session: what environments, training and evaluation are set by, and what follows for an audience."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.simulation.patience import Patience
from models.simulation.simulator import ReactionMode, RewardMode, UserSimulator


class EnvironmentSettings(BaseModel):
    """Rules of a session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reaction: ReactionMode = Field(
        default="draw",
        description="what a user does and remembers: drawn from the calibrated P(like), the vote (the paper's), or "
        "SASRec's answer",
    )
    reward: RewardMode = Field(
        default="probability", description="the calibrated P(like), or the reaction itself: 1 for a like, else 0"
    )
    session_end: Literal["constant", "learned"] = Field(
        default="constant",
        description="whether the chance that a session ends is end_probability or the patience learned from timestamps",
    )
    end_probability: float = Field(
        default=0.025,
        gt=0,
        le=1,
        description="chance that a session ends after a step; .025 is the authors' code's, not the paper's",
    )
    max_steps: int = Field(default=200, gt=0, description="a session is cut off (truncated) after so many steps")
    repeats: Literal["penalise", "allow"] = Field(
        default="penalise",
        description="whether an item recommended again in a session earns nothing or what it would earn",
    )
    known_items: Literal["penalise", "allow"] = Field(
        default="penalise", description="the same for items of the user's training history"
    )
    seen_items: Literal["mask", "penalise"] = Field(
        default="mask",
        description="what recommending an item that earns nothing does: the next item of the catalogue that is open "
        "stands in for it (info['item'] names it), or it costs seen_penalty",
    )
    seen_penalty: float = Field(
        default=0.0, ge=0, description="taken from the reward of a recommendation that earns nothing"
    )
    actions: Literal["catalogue", "candidates", "embedding", "slate"] = Field(
        default="catalogue",
        description="what an agent chooses: one of all items, one of the candidates nearest to the user, a point that "
        "is resolved to the nearest item, or a slate of candidates",
    )
    candidates: int = Field(default=30, gt=1, description="items that are offered: for candidates and slate")
    candidate_exploration: float = Field(
        default=0.1, ge=0, lt=1, description="share of the candidates that is drawn at random, not by nearness"
    )
    embedding_size: int = Field(default=32, gt=1, description="size of the space of items, at most")
    slate_size: int = Field(default=5, gt=1, description="items of a slate")
    no_choice_utility: float = Field(
        default=0.0, description="logit of the P(like) that taking nothing from a slate is as good as"
    )
    catalogue_size: int | None = Field(
        default=500,
        gt=0,
        description="actions: so many items, those with most training interactions; null for all items",
    )
    users: Literal["all", "train", "held_out"] = Field(
        default="all", description="who visits: all users, those that policies train on, or those held out from them"
    )
    held_out_share: float = Field(default=0.2, gt=0, lt=1, description="share of the users who are held out")
    held_out_seed: int = Field(default=0, ge=0, description="chooses them")
    novelty_weight: float = Field(
        default=0.0, ge=0, description="added to a reward: so many times the item's novelty, 0 for the best known to 1"
    )
    diversity_weight: float = Field(
        default=0.0,
        ge=0,
        description="added to a reward: so many times the item's mean distance to those recommended in the session",
    )

    @model_validator(mode="after")
    def _slate_fits(self) -> Self:
        if self.actions == "slate" and self.slate_size > self.candidates:
            raise ValueError(f"a slate of {self.slate_size} cannot be made of {self.candidates} candidates")
        return self

    @property
    def explored(self) -> int:
        """Candidates that are drawn at random."""
        return round(self.candidate_exploration * self.candidates) if self.offers else 0

    @property
    def offers(self) -> bool:
        """Whether actions choose among candidates."""
        return self.actions in {"candidates", "slate"}

    @property
    def breadth_weights(self) -> tuple[float, float]:
        """Weights of novelty and of diversity."""
        return self.novelty_weight, self.diversity_weight

    @property
    def expected_length(self) -> float | None:
        """Mean number of steps of a session: geometric, cut off at `max_steps`; None with learned patience."""
        if self.session_end == "learned":
            return None
        p = self.end_probability
        return (1 - (1 - p) ** self.max_steps) / p

    @property
    def highest_reward(self) -> float:
        """What one step can earn at most."""
        return 1 + self.novelty_weight + self.diversity_weight


def catalogue(simulator: UserSimulator, size: int | None) -> NDArray[np.int64]:
    """The items that may be recommended: all, or the `size` with most training interactions.

    Returns
    -------
    int64 array of shape (n_actions,), ascending: the item of each action. Ties go to the lower item.
    """
    counts = np.bincount(simulator.interactions.items, minlength=simulator.n_items)
    return np.sort(np.argsort(-counts, kind="stable")[:size])


def patience_of(simulator: UserSimulator, settings: EnvironmentSettings) -> Patience | None:
    """The learned patience that ends sessions; None where a constant chance does.

    Raises
    ------
    ValueError
        Where the audience has none.
    """
    if settings.session_end == "constant":
        return None
    if simulator.patience is None:
        raise ValueError(
            "session_end 'learned': the training interactions of this audience tell no session ends (see the step "
            "fit-patience); set session_end to constant, or patience.session_gap_minutes to another gap"
        )
    return simulator.patience


def visitors(simulator: UserSimulator, settings: EnvironmentSettings) -> NDArray[np.int64]:
    """The users whom sessions are of.

    Returns
    -------
    int64 array, ascending; at least one user is held out and at least one is not.

    Raises
    ------
    ValueError
        Where a single user cannot be parted.
    """
    n = simulator.n_users
    if settings.users == "all":
        return np.arange(n)
    if n < 2:
        raise ValueError(f"users {settings.users!r}: found {n} user, expected two at least to hold one out")
    held_out = min(max(round(settings.held_out_share * n), 1), n - 1)
    order = np.random.default_rng(settings.held_out_seed).permutation(n)
    return np.sort(order[:held_out] if settings.users == "held_out" else order[held_out:])
