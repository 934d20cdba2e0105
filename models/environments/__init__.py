"""The simulator's faces to reinforcement learning: Gymnasium, its vector form and Stable-Baselines3."""

from models.environments.gym import RecommendEnv
from models.environments.gym_vector import RecommendVectorEnv
from models.environments.repetition import RepetitionWarning
from models.environments.sb3 import SessionVecEnv

__all__ = ["RecommendEnv", "RecommendVectorEnv", "RepetitionWarning", "SessionVecEnv"]
