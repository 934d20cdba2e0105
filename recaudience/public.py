"""What `recaudience` offers, with all that is behind it."""

from __future__ import annotations

from models.environments.repetition import RepetitionWarning
from models.explanation.explanation import Explanation
from models.simulation.settings import EnvironmentSettings
from tasks.audience.agents import sb3_arguments
from tasks.audience.audience import Audience, load
from tasks.audience.environments import make_vec_env
from tasks.audience.policies import Policy, load_policy
from tasks.audience.values import evaluate_policy

__all__ = [
    "Audience",
    "EnvironmentSettings",
    "Explanation",
    "Policy",
    "RepetitionWarning",
    "evaluate_policy",
    "load",
    "load_policy",
    "make_vec_env",
    "sb3_arguments",
]
