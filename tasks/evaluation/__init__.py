"""The longer fidelity card: behaviour, ablation, data size, cross-check."""
