"""SASRec as a response model, f_sta: P(like) of a candidate, given what a user reacted to so far and how.

Source: Kang and McAuley, arXiv 1808.09781 (causal self-attention over a sequence of items); arXiv 2412.16984 uses it
to predict a reaction. Here an input position is an item and the reaction to it, and

    logit P(like c | first t reactions) = <h_t, e_c> + w s_t(c)

where s_t(c) is the logit that means and counts come to (models/estimators/reaction_statistics.py: how the user, the
item and the
user in the item's categories are rated), fitted before and kept. So the model starts from what averages know, for users
met a moment ago and items never rated alike, and attention learns what is left. e_c is a vector of the item itself plus
one of its categories; an input position adds the reaction and how far its rating lies above the item's usual one.
Position 0 is a learned start, so h_0 answers for a user without history. Batches are padded on the right: under the
causal mask no interaction ever sees padding, which has a token of its own besides (item i is token i + 1).

With `published` the network is that of Kang and McAuley, scored by <h_t, e_c> alone: a baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit
from torch import Tensor, nn

from models.estimators.reaction_statistics import ReactionStatistics
from models.estimators.reaction_sums import Learned, Scalars
from models.interactions import Histories, last
from models.kernels.compiled import Plain, plain, vector_loop
from models.kernels.lanes import filled_up
from models.response.sasrec.attention_block import Block
from models.response.sasrec.last_position import InputVectors, last_states_of
from models.response.sasrec.settings import SASRecSettings

_ROWS_AT_ONCE = 2048
_STATISTICS = "statistics."  # names of their arrays in a checkpoint


class PairModel(NamedTuple):
    """What SASRec knows beside the states, to answer for pairs.

    Parameters
    ----------
    vectors
        float32 array of shape (n_items, d).
    scalars, learned
        Of its statistics.
    line
        Weights of the statistics, float64 (12,), and the logit where all are 0; see `Ensemble.line`.
    share
        Weight of the statistics' logit.
    """

    vectors: NDArray[np.float32]
    scalars: Scalars
    learned: Learned
    line: tuple[NDArray[np.float64], float]
    share: np.float32


class SASRec(nn.Module):
    """The network; numpy in, numpy out for everything but training.

    Parameters
    ----------
    categories
        Sparse binary matrix of shape (n_items, n_categories).
    settings
        Shape of the network.

    Raises
    ------
    ValueError
        Where the heads do not divide the width.
    """

    shares: Tensor

    def __init__(self, categories: csr_array, settings: SASRecSettings) -> None:
        super().__init__()
        if settings.width % settings.heads:
            raise ValueError(f"width {settings.width} must be a multiple of heads {settings.heads}")
        self.settings = settings
        self.statistics = ReactionStatistics(categories, settings.statistics_history)
        self.n_items, n_categories = self.statistics.category_shares.shape
        shares = np.pad(self.statistics.category_shares, ((1, 0), (0, 0)))  # a row an item token, none for padding
        self.register_buffer("shares", torch.from_numpy(shares), persistent=False)
        self.item = nn.Embedding(self.n_items + 1, settings.width, padding_idx=0)
        self.category = nn.Parameter(torch.zeros(n_categories, settings.width))
        self.feedback = nn.Embedding(2, settings.width)
        self.surprise = nn.Parameter(torch.zeros(settings.width))
        self.position = nn.Embedding(settings.max_history + 1, settings.width)
        self.start = nn.Parameter(torch.zeros(settings.width))
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        self._table: Tensor | None = None
        self._item_vectors: NDArray[np.float32] | None = None
        self._statistics_share: np.float32 | None = None
        self._pair_model: Plain | None = None
        self._compiled: Plain | None = None
        self.statistics_weight = nn.Parameter(torch.ones(()))
        for embedding in (self.item, self.feedback, self.position):
            nn.init.normal_(embedding.weight, std=settings.width**-0.5 / 4)
        with torch.no_grad():
            self.item.weight[0] = 0

    def forward(self, tokens: Tensor, likes: Tensor, surprises: Tensor) -> Tensor:
        """State after each of the first 0 .. l interactions.

        Parameters
        ----------
        tokens
            int64 (b, l): item + 1, 0 for padding on the right.
        likes
            bool (b, l): reactions.
        surprises
            float32 (b, l): `ReactionStatistics.surprises`.

        Returns
        -------
        h (b, l + 1, d); entry t has seen the first t interactions.
        """
        b, length = tokens.shape
        x = self.vectors(tokens)  # (b, l, d)
        if not self.settings.published:
            x = x + self.feedback(likes.long()) + surprises[:, :, None] * self.surprise
        x = torch.cat([self.start.expand(b, 1, -1), x], dim=1)  # (b, l + 1, d)
        x = self.dropout(x + self.position.weight[: length + 1])
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def vectors(self, tokens: Tensor) -> Tensor:
        """e of items: float32 (..., d), of tokens int64 (...)."""
        if self.settings.published:
            return self.item(tokens)
        return self.item(tokens) + self.shares[tokens] @ self.category

    def logits(self, h: Tensor, candidates: Tensor, statistics: Tensor) -> Tensor:
        """Logit of P(like).

        Parameters
        ----------
        h
            float32 (..., d): states.
        candidates
            int64 (...): tokens.
        statistics
            float32 (...): logits of the statistics, in training without the reaction that is to be predicted.
        """
        return self.with_statistics((h * self.vectors(candidates)).sum(-1), statistics)

    def with_statistics(self, match: Tensor, statistics: Tensor) -> Tensor:
        """Logit of P(like) from the match of state and candidate and the logit of the statistics, (...) each."""
        return match if self.settings.published else match + self.statistics_weight * statistics

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """All weights by name, for a checkpoint."""
        network = {name: tensor.numpy(force=True) for name, tensor in self.state_dict().items()}
        return network | {f"{_STATISTICS}{name}": array for name, array in self.statistics.arrays().items()}

    def set_arrays(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take over the weights that `arrays` of a model of the same shape gave."""
        of_statistics = {name for name in arrays if name.startswith(_STATISTICS)}
        self.statistics.set_arrays({name.removeprefix(_STATISTICS): arrays[name] for name in of_statistics})
        self.load_state_dict(
            {name: torch.from_numpy(array) for name, array in arrays.items() if name not in of_statistics}
        )
        self._forget()

    def states(self, histories: Histories) -> NDArray[np.float32]:
        """The user's state after each history: float32 array of shape (b, d)."""
        was_training = self.training
        if was_training:
            self.eval()
        if (one_block := self.one_block) is not None:
            states = last_states_of(*one_block, last(histories, self.settings.max_history).arrays())
        else:
            with torch.inference_mode():
                starts = range(0, max(1, len(histories)), _ROWS_AT_ONCE)
                parts = (last(histories[start : start + _ROWS_AT_ONCE], self.settings.max_history) for start in starts)
                states = np.concatenate([self._last_states(part).numpy(force=True) for part in parts])
        if was_training:
            self.train()
        return states

    def item_vectors(self) -> NDArray[np.float32]:
        """The items' vectors e: float32 array of shape (n_items, d)."""
        if self._item_vectors is None:
            with torch.inference_mode():
                self._item_vectors = self.token_vectors()[1:].numpy(force=True)
        return self._item_vectors

    def probabilities(self, candidates: NDArray[np.int64], histories: Histories) -> NDArray[np.float32]:
        """P(like) of each candidate given the history in the same row.

        Parameters
        ----------
        candidates
            int64 array of shape (b,).
        histories
            b histories.

        Returns
        -------
        float32 array of shape (b,).
        """
        return expit(self.pair_logits(candidates, histories, self.statistics.logits(candidates, histories)))

    def pair_logits(
        self,
        candidates: NDArray[np.int64],
        histories: Histories,
        statistics: NDArray[np.float32],
        states: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Logit of P(like), float32 (b,), where the statistics' own logits (b,) are known already.

        What `states` gave for these histories may be handed in; it is most of the work.
        """
        h = self.states(histories) if states is None else states
        match = matches(h, self.item_vectors(), candidates)
        return np.asarray(match + self._share_of_statistics * statistics, dtype=np.float32)

    def catalogue_probabilities(self, histories: Histories) -> NDArray[np.float32]:
        """P(like) of every item given each history: float32 array of shape (b, n_items)."""
        match = self.states(histories) @ self.item_vectors().T
        if self.settings.published:
            return expit(match)
        return expit(match + self._share_of_statistics * self.statistics.catalogue_logits(histories))

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; what is worked out of the weights is worked out anew afterwards."""
        self._forget()
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self._forget()  # what moves the weights to another device comes here
        return super()._apply(fn, recurse)

    def _forget(self) -> None:
        self._table = self._item_vectors = self._compiled = self._statistics_share = self._pair_model = None

    @property
    def pair_model(self) -> Plain:
        """`PairModel`, as a `plain` tuple."""
        statistics = self.statistics
        line = statistics.weights.line
        if self._pair_model is None or self._pair_model[3][0] is not line[0]:  # statistics may be fitted at any time
            known = statistics.scalars, statistics.learned(), line
            self._pair_model = plain(PairModel(self.item_vectors(), *known, self._share_of_statistics))
        return self._pair_model

    @property
    def _share_of_statistics(self) -> np.float32:
        if self._statistics_share is None:
            self._statistics_share = np.float32(0 if self.settings.published else self.statistics_weight.item())
        return self._statistics_share

    def _last_states(self, histories: Histories) -> Tensor:
        device = self.start.device
        tokens, likes = torch.from_numpy(histories.items + 1), torch.from_numpy(histories.likes)
        surprises = torch.from_numpy(self.statistics.surprises(histories))
        return self.last_states(tokens.to(device), likes.to(device), surprises.to(device))

    def last_states(self, tokens: Tensor, likes: Tensor, surprises: Tensor) -> Tensor:
        """State after the whole of each sequence, in evaluation: (b, d); arguments as those of `forward`.

        The last block answers for that one position only.
        """
        x = self.token_vectors()[tokens]
        if not self.settings.published:
            x = x + self.feedback.weight[likes.long()]
            x = torch.addcmul(x, surprises[:, :, None], self.surprise)
        b, length = tokens.shape
        x = torch.cat([self.start.expand(b, 1, -1), x], dim=1) + self.position.weight[: length + 1]
        lengths = (tokens > 0).sum(dim=1)
        for block in self.blocks[:-1]:
            x = block(x)
        if not len(self.blocks):
            return self.norm(x[torch.arange(b, device=x.device), lengths])
        return self.norm(cast("Block", self.blocks[-1]).at(x, lengths))

    @property
    def one_block(self) -> tuple[Plain, Plain] | None:
        """Network and usual ratings, as `last_states` takes them; None with more blocks, in training or on a GPU."""
        if self._compiled is None:
            if self.training or len(self.blocks) != 1 or self.start.device.type != "cpu":
                return None
            self._compiled = self._absorbed()
        return self._compiled, self.statistics.usual()

    def _absorbed(self) -> Plain:
        of_reactions = 0 if self.settings.published else 1
        with torch.inference_mode():
            parts = (
                self.token_vectors()[1:],
                (self.feedback.weight * of_reactions)[:, None] + self.position.weight,
                self.surprise * of_reactions,
                self.start + self.position.weight[0],
            )
            inputs = InputVectors(*(filled_up((part - part.mean(-1, keepdim=True)).numpy()) for part in parts))
            block = cast("Block", self.blocks[0])
            return plain((inputs, block.absorbed(), block.answer(self.norm)))

    def token_vectors(self) -> Tensor:
        """e of every token, float32 (n_items + 1, d); kept until the weights may change."""
        if self._table is None:
            self._table = self.vectors(torch.arange(self.n_items + 1, device=self.start.device))
        return self._table


@vector_loop
def matches(
    states: NDArray[np.float32], vectors: NDArray[np.float32], candidates: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Inner products of states (b, d) and the candidates' vectors: float32 (b,)."""
    found = np.empty(len(candidates), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        product, state, vector = np.float32(0), states[row], vectors[candidate]
        for k in range(len(state)):
            product += state[k] * vector[k]
        found[row] = product
    return found
