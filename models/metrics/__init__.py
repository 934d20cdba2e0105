"""Measures of predictions and their uncertainty: AUC, calibration errors, bootstrap intervals."""
