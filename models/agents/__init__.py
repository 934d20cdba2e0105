"""What recommends: baselines, LinUCB, networks, training with Stable-Baselines3 and export."""

from models.agents.greedy import GreedyPolicy
from models.agents.policies import Policy, PopularityPolicy, RandomPolicy
from models.agents.settings import AgentSettings
from models.agents.training import train_agent

__all__ = ["AgentSettings", "GreedyPolicy", "Policy", "PopularityPolicy", "RandomPolicy", "train_agent"]
