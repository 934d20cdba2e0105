"""The agents' networks for Stable-Baselines3: a scorer as an actor's logits or point, or as advantages over a value.

`ItemScorer` scores all items, `QueryScorer` candidates.

All of them mask what would earn nothing, which the observation tells; MaskablePPO asks the environment for it besides.
"""

from __future__ import annotations

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn

from models.agents.distributions import MaskableOneOfManyDistribution, OneOfManyDistribution
from models.agents.item_scorer import ItemPrior, ItemScorer
from models.agents.query_scorer import QueryPrior, QueryScorer

_PARTS = ("user", "taste", "candidates", "seen")

Prior = ItemPrior | QueryPrior
Scorer = ItemScorer | QueryScorer


class StateValue(nn.Module):
    """Expected return of features, as (b, hidden) before the last layer."""

    def __init__(self, features_size: int, prior: Prior, hidden: int) -> None:
        super().__init__()
        self.prior = prior
        self.hidden = nn.Sequential(nn.Linear(prior.state_size(features_size) + 1, hidden), nn.Tanh())

    def forward(self, features: Tensor) -> Tensor:
        """The user's state and the share of items seen, through one layer."""
        state, seen = self.prior.parts(features)
        return self.hidden(torch.cat([state, seen.mean(dim=1, keepdim=True)], dim=1))


class StateAndSeen(BaseFeaturesExtractor):
    """The parts of an observation side by side, those that there are: (b, p + t + n)."""

    def __init__(self, observation_space: spaces.Dict) -> None:
        super().__init__(observation_space, sum(spaces.flatdim(space) for space in observation_space.values()))

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Concatenate user, taste, candidates and seen."""
        return torch.cat([observations[name] for name in _PARTS if name in observations], dim=1)


class _Latents(nn.Module):
    """Stable-Baselines3's place for hidden layers: the actor's features as they are, the critic's through a layer."""

    def __init__(self, features_size: int, value: StateValue, hidden: int) -> None:
        super().__init__()
        self.value = value
        self.latent_dim_pi, self.latent_dim_vf = features_size, hidden

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return features, self.value(features)

    def forward_actor(self, features: Tensor) -> Tensor:
        return features

    def forward_critic(self, features: Tensor) -> Tensor:
        return self.value(features)


class _ItemHeads:
    """Actor and critic whose logits come from `ItemScorer`: what SB3's class and sb3-contrib's have in common.

    Parameters
    ----------
    prior, hidden, scale
        See `ItemScorer`; given through `policy_kwargs`, the others by Stable-Baselines3.
    """

    features_dim: int
    optimizer: torch.optim.Optimizer
    optimizer_class: type[torch.optim.Optimizer]
    optimizer_kwargs: dict[str, object]

    def __init__(self, *args: object, prior: Prior, hidden: int, scale: float, **kwargs: object) -> None:
        self._prior, self._hidden, self._scale = prior, hidden, scale
        super().__init__(*args, features_extractor_class=StateAndSeen, ortho_init=False, **kwargs)  # type: ignore[call-arg]

    def _build_mlp_extractor(self) -> None:
        value = StateValue(self.features_dim, self._prior, self._hidden)
        self.mlp_extractor = _Latents(self.features_dim, value, self._hidden)

    def _build(self, lr_schedule: object) -> None:
        super()._build(lr_schedule)  # type: ignore[misc]  # of the class beside this one
        self.action_net = self._prior.scorer(self.features_dim, self._hidden, self._scale)
        arguments = self.optimizer_kwargs | {"lr": self.optimizer.param_groups[0]["lr"]}
        self.optimizer = self.optimizer_class(self.parameters(), **arguments)  # type: ignore[attr-defined]

    @property
    def scorer(self) -> Scorer:
        """What recommends, without the critic."""
        assert isinstance(self.action_net, ItemScorer | QueryScorer)
        return self.action_net


class ItemActorCriticPolicy(_ItemHeads, ActorCriticPolicy):  # type: ignore[misc]
    """Actor and critic of A2C, PPO and TRPO."""

    def _build(self, lr_schedule: object) -> None:
        if isinstance(self.action_dist, CategoricalDistribution):
            self.action_dist = OneOfManyDistribution(self.action_dist.action_dim)
        super()._build(lr_schedule)


class ItemMaskablePolicy(_ItemHeads, MaskableActorCriticPolicy):  # type: ignore[misc]
    """Actor and critic of MaskablePPO."""

    def _build(self, lr_schedule: object) -> None:
        if isinstance(self.action_dist, MaskableCategoricalDistribution):
            self.action_dist = MaskableOneOfManyDistribution(self.action_dist.action_dim)
        super()._build(lr_schedule)


class _ItemValues(nn.Module):
    """Q(s, i) = v(s) + score(s, i), the dueling form (Wang et al., arXiv 1511.06581)."""

    def __init__(self, scorer: Scorer, value: StateValue, hidden: int) -> None:
        super().__init__()
        self.scorer, self.value, self.last = scorer, value, nn.Linear(hidden, 1)

    def forward(self, features: Tensor) -> Tensor:
        _, seen = self.value.prior.parts(features)
        values = self.last(self.value(features)) + self.scorer.unmasked(features)
        return values.lerp(_below_any_return(values), seen)


def _scorer_and_value(features_dim: int, prior: Prior, hidden: int, scale: float) -> tuple[Scorer, StateValue]:
    """The two parts that every value network has, for features of the user's state, taste and what was seen."""
    return prior.scorer(features_dim, hidden, scale), StateValue(features_dim, prior, hidden)


def _below_any_return(values: Tensor) -> Tensor:
    """What a masked action is worth: rewards are not negative."""
    return values.new_tensor(-1.0)


class ItemQNetwork(QNetwork):
    """Q-values of all items; see `ItemQPolicy`."""

    def __init__(self, *args: object, prior: Prior, hidden: int, scale: float, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        scorer, value = _scorer_and_value(self.features_dim, prior, hidden, scale)
        self.q_net = _ItemValues(scorer, value, hidden)  # type: ignore[assignment]


class ItemQPolicy(DQNPolicy):
    """DQN's online and target networks.

    Parameters
    ----------
    prior, hidden, scale
        See `ItemScorer`; given through `policy_kwargs`, the others by Stable-Baselines3.
    """

    def __init__(self, *args: object, prior: Prior, hidden: int, scale: float, **kwargs: object) -> None:
        self._head = {"prior": prior, "hidden": hidden, "scale": scale}
        super().__init__(*args, net_arch=[], features_extractor_class=StateAndSeen, **kwargs)  # type: ignore[arg-type]

    def make_q_net(self) -> ItemQNetwork:
        """One network, online or target."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ItemQNetwork(**arguments, **self._head).to(self.device)

    @property
    def scorer(self) -> Scorer:
        """What recommends, without the state's value, which all items share."""
        assert isinstance(self.q_net.q_net, _ItemValues)
        return self.q_net.q_net.scorer


class _ItemQuantiles(nn.Module):
    """Quantiles of the return, (b, quantiles * n): Z_q(s, i) = v_q(s) + w_q score(s, i) with w_q > 0.

    The weights keep the items' order by mean return that of their scores.
    """

    def __init__(self, scorer: Scorer, value: StateValue, hidden: int, quantiles: int) -> None:
        super().__init__()
        self.scorer, self.value, self.last = scorer, value, nn.Linear(hidden, quantiles)
        self.weights = nn.Parameter(torch.zeros(quantiles))

    def forward(self, features: Tensor) -> Tensor:
        _, seen = self.value.prior.parts(features)
        scores = self.weights.exp()[None, :, None] * self.scorer.unmasked(features)[:, None]  # (b, quantiles, n)
        values = self.last(self.value(features))[:, :, None] + scores
        return values.lerp(_below_any_return(values), seen[:, None]).flatten(1)


class ItemQuantileNetwork(QuantileNetwork):
    """Quantiles of all items' returns; see `ItemQuantilePolicy`."""

    def __init__(self, *args: object, prior: Prior, hidden: int, scale: float, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        scorer, value = _scorer_and_value(self.features_dim, prior, hidden, scale)
        self.quantile_net = _ItemQuantiles(scorer, value, hidden, self.n_quantiles)  # type: ignore[assignment]


class ItemQuantilePolicy(QRDQNPolicy):
    """QR-DQN's online and target networks.

    Parameters
    ----------
    prior, hidden, scale
        See `ItemScorer`; given through `policy_kwargs`, the others by Stable-Baselines3.
    """

    def __init__(self, *args: object, prior: Prior, hidden: int, scale: float, **kwargs: object) -> None:
        self._head = {"prior": prior, "hidden": hidden, "scale": scale}
        super().__init__(*args, net_arch=[], features_extractor_class=StateAndSeen, **kwargs)  # type: ignore[arg-type]

    def make_quantile_net(self) -> ItemQuantileNetwork:
        """One network, online or target."""
        arguments = self._update_features_extractor(self.net_args, features_extractor=None)
        return ItemQuantileNetwork(**arguments, **self._head).to(self.device)

    @property
    def scorer(self) -> Scorer:
        """What recommends, without the state's value, which all items share."""
        assert isinstance(self.quantile_net.quantile_net, _ItemQuantiles)
        return self.quantile_net.quantile_net.scorer
