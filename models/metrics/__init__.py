"""Measures of predictions and of their uncertainty: AUC, calibration errors, intervals."""

from __future__ import annotations

from models.metrics.calibration import expected_calibration_error
from models.metrics.classification import UserBootstrap, auc

__all__ = ["UserBootstrap", "auc", "expected_calibration_error"]
