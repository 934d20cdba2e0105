"""How true the simulated users are: the fidelity card and the checks beside it."""

from __future__ import annotations

from models.fidelity.card import Prediction, fidelity_card, predict

__all__ = ["Prediction", "fidelity_card", "predict"]
