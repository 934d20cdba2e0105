"""Settings of training and comparing policies, which a run records in its manifest."""

from __future__ import annotations

import json
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.agents.settings import ALGORITHMS, OF_POINTS, OF_SLATES, ON_VOTE, AgentSettings, AlgorithmName
from models.simulation.settings import EnvironmentSettings
from storage.run_folder import RunFolder


class ReinforceSettings(BaseModel):
    """Settings of the step `reinforce`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agents: AgentSettings = AgentSettings()
    environment: EnvironmentSettings = EnvironmentSettings()
    on_held_out_users: bool = Field(
        default=False, description="policies are evaluated on users whom none of them met in training"
    )

    @model_validator(mode="after")
    def _algorithms_fit_the_actions(self) -> Self:
        unable = [name for name in self.agents.algorithms if name not in self._able]
        if unable:
            raise ValueError(
                f"{', '.join(unable)} cannot learn with environment.actions={self.environment.actions}; choose "
                f"agents.algorithms among {', '.join(self._able)}"
            )
        return self

    @property
    def trained(self) -> tuple[str, ...]:
        """Names of the agents to train: the algorithms', and those trained on the vote for contrast."""
        rules, agents = self.environment, self.agents
        by_vote = (rules.reaction, rules.reward) == ("vote", "reaction")
        contrasts = () if by_vote or not agents.algorithms else agents.on_vote
        return (*agents.algorithms, *(f"{name}{ON_VOTE}" for name in contrasts if name in self._able))

    def training_of(self, agent: str) -> EnvironmentSettings:
        """Rules of the sessions that an agent of that name trains in."""
        votes = {"reaction": "vote", "reward": "reaction"}
        return self.training.model_copy(update=votes) if agent.endswith(ON_VOTE) else self.training

    @property
    def _able(self) -> tuple[AlgorithmName, ...]:
        """Algorithms that can learn the actions."""
        return {"embedding": OF_POINTS, "slate": OF_SLATES}.get(self.environment.actions, ALGORITHMS)

    @property
    def training(self) -> EnvironmentSettings:
        """Rules of the sessions that policies train in."""
        return self.environment.model_copy(update={"users": "train"}) if self.on_held_out_users else self.environment

    @property
    def evaluation(self) -> EnvironmentSettings:
        """Rules of the sessions that policies are evaluated in."""
        return self.environment.model_copy(update={"users": "held_out"}) if self.on_held_out_users else self.environment


def run_settings(folder: RunFolder) -> ReinforceSettings:
    """The settings of reinforcement learning that a run was made with; the defaults where it does not say."""
    path = folder.path("manifest.json")
    if not path.exists():
        return ReinforceSettings()
    return ReinforceSettings.model_validate(json.loads(path.read_text(encoding="utf-8"))["settings"]["reinforce"])
