"""What recommends: baselines, LinUCB, networks, training with Stable-Baselines3 and export."""
