"""Settings of reinforcement learning: what is trained, for how long, and each algorithm's tuned defaults.

The names of an algorithm's fields are its constructor's in Stable-Baselines3 (A2C, DQN, PPO) or sb3-contrib (TRPO,
QR-DQN, MaskablePPO).
The discount is low: a recommendation's effect is mostly its own reward, and a short horizon keeps the noise of later
rewards out (benchmarks/horizon.py; 0.2 does as well as 0, 0.9 worse, in a world with boredom too).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

AlgorithmName = Literal["a2c", "dqn", "ppo", "trpo", "qrdqn", "maskable_ppo"]
ALGORITHMS: tuple[AlgorithmName, ...] = ("a2c", "dqn", "ppo", "trpo", "qrdqn", "maskable_ppo")

# Algorithms that can learn where an action is a point, or a slate.
OF_POINTS: tuple[AlgorithmName, ...] = ("a2c", "ppo", "trpo")
OF_VALUES: tuple[AlgorithmName, ...] = ("dqn", "qrdqn")  # which learn what actions are worth; the others have an actor
OF_SLATES: tuple[AlgorithmName, ...] = (*OF_POINTS, "maskable_ppo")

# An agent is called as its algorithm; with this ending it was trained on the paper's vote as reaction and reward.
ON_VOTE = "_on_vote"
AGENTS: tuple[str, ...] = (*ALGORITHMS, *(f"{name}{ON_VOTE}" for name in ALGORITHMS))

LogFormat = Literal["csv", "json", "tensorboard"]
BaselineName = Literal[
    "random",
    "popularity",
    "item_mean",
    "sasrec",
    "nearest",
    "lin_ucb",
    "untrained",
    "greedy",
    "greedy_ensemble",
]

_FROZEN = ConfigDict(frozen=True, extra="forbid")


def algorithm_of(agent: str) -> AlgorithmName:
    """The algorithm of one of `AGENTS`."""
    return TypeAdapter[AlgorithmName](AlgorithmName).validate_python(agent.removesuffix(ON_VOTE))


class A2CSettings(BaseModel):
    """Advantage actor-critic (Mnih et al., arXiv 1602.01783)."""

    model_config = _FROZEN

    learning_rate: float = Field(default=0.002, gt=0, description="RMSprop's step size")
    n_steps: int = Field(default=8, gt=0, description="steps of each session between updates")
    gamma: float = Field(default=0.2, ge=0, le=1, description="discount")
    gae_lambda: float = Field(default=0.9, ge=0, le=1, description="trade-off of bias and variance of advantages")
    ent_coef: float = Field(default=0.002, ge=0, description="weight of the entropy bonus")
    vf_coef: float = Field(default=0.5, ge=0, description="weight of the critic's loss")
    normalize_advantage: bool = Field(default=True, description="scale advantages to unit variance")


class DQNSettings(BaseModel):
    """Deep Q-learning (Mnih et al., 2015)."""

    model_config = _FROZEN

    learning_rate: float = Field(default=0.001, gt=0, description="Adam's step size")
    gamma: float = Field(default=0.2, ge=0, le=1, description="discount")
    buffer_size: int = Field(default=40_000, gt=0, description="transitions remembered")
    learning_starts: int = Field(default=500, ge=0, description="random steps before the first update")
    batch_size: int = Field(default=256, gt=0, description="transitions an update")
    train_freq: int = Field(default=1, gt=0, description="steps of each session between updates")
    gradient_steps: int = Field(default=2, gt=0, description="updates in a row; more of them overfit the replay")
    target_update_interval: int = Field(default=500, gt=0, description="steps between copies to the target network")
    exploration_initial_eps: float = Field(
        default=0.3, ge=0, le=1, description="chance of a random action at first; the prior is too good for 1"
    )
    exploration_fraction: float = Field(
        default=0.5, ge=0, le=1, description="share of training over which exploration falls"
    )
    exploration_final_eps: float = Field(default=0.05, ge=0, le=1, description="chance of a random action afterwards")


class QRDQNSettings(DQNSettings):
    """Quantile regression DQN (Dabney et al., arXiv 1710.10044): learns the distribution of returns."""

    n_quantiles: int = Field(default=16, gt=0, description="quantiles of a return's distribution")


class PPOSettings(BaseModel):
    """Proximal policy optimisation (Schulman et al., arXiv 1707.06347)."""

    model_config = _FROZEN

    learning_rate: float = Field(default=0.004, gt=0, description="Adam's step size")
    n_steps: int = Field(default=32, gt=0, description="steps of each session between updates")
    batch_size: int = Field(default=256, gt=0, description="transitions a gradient step")
    n_epochs: int = Field(default=5, gt=0, description="passes over the transitions of an update")
    gamma: float = Field(default=0.2, ge=0, le=1, description="discount")
    gae_lambda: float = Field(default=0.9, ge=0, le=1, description="trade-off of bias and variance of advantages")
    clip_range: float = Field(default=0.2, gt=0, description="limit of the probability ratio")
    ent_coef: float = Field(default=0.002, ge=0, description="weight of the entropy bonus")
    vf_coef: float = Field(default=0.5, ge=0, description="weight of the critic's loss")


class MaskablePPOSettings(PPOSettings):
    """PPO with invalid actions masked by the environment (Huang and Ontañón, arXiv 2006.14171)."""


class TRPOSettings(BaseModel):
    """Trust region policy optimisation (Schulman et al., arXiv 1502.05477)."""

    model_config = _FROZEN

    learning_rate: float = Field(default=0.002, gt=0, description="step size of the critic's Adam")
    n_steps: int = Field(default=16, gt=0, description="steps of each session between updates")
    batch_size: int = Field(default=256, gt=0, description="transitions a gradient step of the critic")
    gamma: float = Field(default=0.2, ge=0, le=1, description="discount")
    gae_lambda: float = Field(default=0.9, ge=0, le=1, description="trade-off of bias and variance of advantages")
    cg_max_steps: int = Field(default=10, gt=0, description="conjugate-gradient iterations")
    target_kl: float = Field(default=0.06, gt=0, description="size of the trust region")


class AgentSettings(BaseModel):
    """What is trained and how it is evaluated."""

    model_config = _FROZEN

    algorithms: tuple[AlgorithmName, ...] = Field(
        default=("a2c", "dqn", "ppo", "trpo"),
        description="trained, each with every seed; qrdqn and maskable_ppo as well where named",
    )
    on_vote: tuple[AlgorithmName, ...] = Field(
        default=("dqn",),
        description="trained on the paper's vote as reaction and reward as well, for contrast; left out where that is "
        "the run's own reward, and where an algorithm cannot learn the run's actions",
    )
    baselines: tuple[BaselineName, ...] = Field(
        default=("random", "popularity", "item_mean", "sasrec", "lin_ucb", "untrained", "greedy", "greedy_ensemble"),
        description="compared with; untrained is the agents' network before training, greedy (by vote) and "
        "greedy_ensemble (by P(like)) ask the simulator itself for every item",
    )
    steps: int = Field(default=30_000, gt=0, description="environment steps of training a policy")
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1, description="of training, one policy each")
    n_envs: int = Field(default=64, gt=0, description="sessions that run at once in training")
    evaluation_episodes: int = Field(
        default=300, gt=0, description="sessions that each policy is evaluated on, the same for all"
    )
    evaluation_seed: int = Field(default=1, ge=0, description="of the evaluation's users, coins and session ends")
    hidden: int = Field(default=64, gt=0, description="width of the hidden layers of actor and critic")
    taste_rank: int = Field(default=64, gt=0, description="axes of a user's taste for pro, and for con keywords")
    threads: int = Field(
        default=1, gt=0, description="torch threads of a process; cores are better spent on several processes"
    )
    processes: int | None = Field(
        default=None,
        gt=0,
        description="policies trained at once; null for as many as `threads` go into the cores",
    )
    patience: int | None = Field(
        default=None,
        gt=0,
        description="training ends early where the learning curve has not risen for so many twentieths of it; "
        "null never ends early",
    )
    log: tuple[LogFormat, ...] = Field(
        default=(),
        description="training logs to keep in training_logs/: csv, json, tensorboard (which needs that package)",
    )
    lin_ucb_alpha: float = Field(default=0.2, ge=0, description="width of the bandit's confidence bound")
    a2c: A2CSettings = A2CSettings()
    dqn: DQNSettings = DQNSettings()
    ppo: PPOSettings = PPOSettings()
    trpo: TRPOSettings = TRPOSettings()
    qrdqn: QRDQNSettings = QRDQNSettings()
    maskable_ppo: MaskablePPOSettings = MaskablePPOSettings()
