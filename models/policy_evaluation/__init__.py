"""Policies played and judged: values, off-policy estimates, episode logs, the case study."""

from models.policy_evaluation.case_study import CaseStudy, play_case_study
from models.policy_evaluation.episodes import Episodes, play
from models.policy_evaluation.off_policy import off_policy_value
from models.policy_evaluation.values import evaluate_policy

__all__ = ["CaseStudy", "Episodes", "evaluate_policy", "off_policy_value", "play", "play_case_study"]
