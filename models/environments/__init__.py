"""The simulator's faces to reinforcement learning: Gymnasium, its vector form and Stable-Baselines3."""
