"""Step `case-study`: one session in full, played by the trained policy that earned most."""

from __future__ import annotations

from typing import get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from models.agents.settings import AlgorithmName
from models.policy_evaluation.case_study import CaseStudyPlan, play_case_study, typical_user
from models.policy_evaluation.comparison import Reinforcement
from storage.contracts import USERS
from storage.errors import DataError
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.loading import SIMULATOR_PARTS, load_keyword_record, load_simulator
from tasks.policies.checkpoints import load_checkpoint, load_policy, load_reinforcement
from tasks.step import Summary, step


class CaseStudySettings(BaseModel):
    """Whose session is told, and how long it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str | None = Field(default=None, description="the user's id in the dataset; null chooses a typical one")
    length: int = Field(default=8, gt=0, description="number of recommendations")
    seed: int = Field(default=1, ge=0, description="of the session's coins")


@step(
    version="3",
    reads=(*SIMULATOR_PARTS, "policies", "report/reinforcement.json"),
    writes=("report/case_study.json",),
)
def case_study(folder: RunFolder, settings: CaseStudySettings) -> Summary:
    """Play one session and publish it with every reaction explained.

    Raises
    ------
    DataError
        Where the run has no such user, or no trained policy.
    """
    simulator = load_simulator(folder)
    names = read_table(folder.path("users.parquet"), USERS)["source_id"].to_list()
    if settings.user is not None and settings.user not in names:
        raise DataError(
            f"there is no user {settings.user!r} among {len(names)}",
            file=folder.path("users.parquet"),
            field="source_id",
            remedy="Set case_study.user to an id that the run knows, or to null",
        )
    user = typical_user(simulator.interactions) if settings.user is None else names.index(settings.user)
    algorithm, seed = _best(folder)
    plan = CaseStudyPlan(
        user=user,
        user_name=f"User {names[user]}",
        length=settings.length,
        seed=settings.seed,
        environment=load_checkpoint(folder, algorithm, seed).environment,
    )
    record = load_keyword_record(folder, simulator.knowledge, np.arange(simulator.n_items))
    study = play_case_study(simulator, load_policy(folder, algorithm, seed), algorithm, plan, record)
    publish_json(folder.path("report/case_study.json"), study.to_json())
    likes: JsonValue = sum(recommendation.explanation.like for recommendation in study.recommendations)
    return {"user": names[user], "policy": algorithm, "recommendations": len(study.recommendations), "likes": likes}


def _best(folder: RunFolder) -> tuple[AlgorithmName, int]:
    """The algorithm that the judge, or else the reward, puts first, and its first seed."""
    comparison = load_reinforcement(folder)
    trained = _trained(comparison) if comparison else {}
    if comparison is None or not trained:
        raise DataError(
            "no trained policy to play a session",
            file=folder.path("report/reinforcement.json"),
            remedy="Train at least one: --set 'reinforce.agents.algorithms=[ppo]'",
        )
    best = max(trained, key=lambda name: trained[name])
    return TypeAdapter[AlgorithmName](AlgorithmName).validate_python(best), comparison.seeds[0]


def _trained(comparison: Reinforcement) -> dict[str, float]:
    return {
        name: scores.judgement.value.mean if scores.judgement else scores.average_reward.mean
        for name, scores in comparison.policies.items()
        if name in get_args(AlgorithmName)
    }
