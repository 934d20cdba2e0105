"""Why a simulated user would like an item or not: votes, reasons, contributions and counterfactuals."""

from __future__ import annotations

from models.explanation.explainer import explain, explain_responses
from models.explanation.explanation import Explanation
from models.explanation.votes import ItemIndexes, KeywordRecord

__all__ = ["Explanation", "ItemIndexes", "KeywordRecord", "explain", "explain_responses"]
