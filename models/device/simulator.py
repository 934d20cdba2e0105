"""All models of a simulator on one device, asked together: `ResponseModels.opinions` and the ensemble, in tensors.

Made for a GPU, where a batch of tens of thousands of pairs takes hardly longer than one pair; on a CPU it answers the
same, and slower than `ResponseModels`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.device.ease import DeviceEASE
from models.device.factors import DeviceFactors
from models.device.logical import MOST_KNOWN, DeviceCosines, DeviceKeywords, nearest_and_taste, settled
from models.device.pairs import Pairs, counted_in_category
from models.device.statistics import DeviceStatistics
from models.device.words import DeviceWords
from models.estimators.logistic import Ensemble
from models.interactions import Histories
from models.kernels.bitsets import PackedSets
from models.knowledge import ItemKnowledge
from models.response.features import ResponseModels

_ROWS_AT_ONCE = 32_768  # enough to fill a GPU; more of them take memory, and indices of 64 bits


class Answers(NamedTuple):
    """What b pairs are answered.

    Parameters
    ----------
    keyword_evidence, similarity_evidence
        float32 tensors of shape (2, b): for and against.
    features
        float32 tensor of shape (b, 19): the columns of `FEATURE_NAMES`.
    probability
        float32 tensor of shape (b,): the calibrated P(like).
    """

    keyword_evidence: Tensor
    similarity_evidence: Tensor
    features: Tensor
    probability: Tensor

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Those of consecutive pairs in one."""
        keywords, similarity, features, probability = zip(*parts, strict=True)
        return cls(torch.cat(keywords, 1), torch.cat(similarity, 1), torch.cat(features), torch.cat(probability))


class DeviceSimulator(nn.Module):
    """Models and ensemble on one device.

    Parameters
    ----------
    knowledge
        Categories and embeddings of all items.
    models
        The fitted response models.
    ensemble
        The fitted stack.
    device
        Where to answer.
    compiled
        Whether torch.compile fuses the arithmetic; on a GPU only where not said. The first call then takes a minute.
    most_known
        See `DeviceCosines`.
    """

    categories: Tensor
    user_effects: Tensor
    item_effects: Tensor
    weights: Tensor

    def __init__(
        self,
        knowledge: ItemKnowledge,
        models: ResponseModels,
        ensemble: Ensemble,
        device: torch.device | str,
        *,
        compiled: bool | None = None,
        most_known: int = MOST_KNOWN,
    ) -> None:
        super().__init__()
        self.device = torch.device(device)
        self.network = copy.deepcopy(models.sasrec).eval()
        self.statistics = DeviceStatistics(models.sasrec.statistics)
        self.factors, self.words = DeviceFactors(models.factors), DeviceWords(models.words)
        self.ease = DeviceEASE(models.ease)
        pro, con = models.keyword_matching.sides
        self.pro, self.con = DeviceKeywords(pro, counts=True), DeviceKeywords(con, counts=False)
        self.neutral = models.similarity.neutral
        weights, self.constant = ensemble.line
        buffers = {
            "categories": PackedSets(knowledge.categories).words.view(np.int64),
            "user_effects": models.bias.user_effects,
            "item_effects": models.bias.item_effects,
            "weights": weights.astype(np.float32),
        }
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.to(self.device).requires_grad_(requires_grad=False)
        self.pro_cosines = DeviceCosines(knowledge.pro_vectors, self.device, most_known)
        self.con_cosines = DeviceCosines(knowledge.con_vectors, self.device, most_known)
        self.network.token_vectors()
        fused = self.device.type == "cuda" if compiled is None else compiled
        self._answer = torch.compile(self.forward, dynamic=True) if fused else self.forward
        self._ask_states = torch.compile(self._states, dynamic=True) if fused else self._states

    def forward(self, pairs: Pairs, states: Tensor | None = None) -> Answers:
        """Answer the pairs; SASRec's states, float32 (b, d), may be handed in where they are known."""
        residuals = self.statistics.residuals(pairs)
        surprises = self.statistics.surprises(residuals)
        statistics_logit = self._statistics_logit(pairs, residuals)
        if states is None:
            states = self._states(pairs, surprises)
        match = (states * self.network.token_vectors()[pairs.candidates + 1]).sum(1)
        sasrec_logit = self.network.with_statistics(match, statistics_logit)
        in_category = counted_in_category(self.categories, pairs)
        keywords_for, pro_taste = self.pro(pairs, in_category, surprises)
        keywords_against, con_taste = self.con(pairs, in_category, surprises)
        sides = (self.pro_cosines, pairs.likes), (self.con_cosines, ~pairs.likes)
        (nearest, pro_near), (nearest_disliked, con_near) = (
            nearest_and_taste(cosines(pairs), in_category & counted, pairs.present, surprises)
            for cosines, counted in sides
        )
        similar_for, similar_against = settled(nearest, nearest_disliked, self.neutral)
        count, log_for, log_against = pairs.present.sum(1).float(), keywords_for.log1p(), keywords_against.log1p()
        columns = (
            sasrec_logit,
            statistics_logit,
            self.factors(pairs, surprises),
            self.user_effects[pairs.users],
            self.item_effects[pairs.candidates],
            log_for,
            log_against,
            log_for - log_against,
            similar_for,
            similar_against,
            similar_for - similar_against,
            pro_taste,
            con_taste,
            pro_near,
            con_near,
            count.log1p(),
            (pairs.likes.sum(1) + 1) / (count + 2),
            self.words(pairs, surprises),
            self.ease(pairs),
        )
        features = torch.stack(columns, dim=1)
        return Answers(
            torch.stack([keywords_for, keywords_against]),
            torch.stack([similar_for, similar_against]),
            features,
            (features @ self.weights + self.constant).sigmoid(),
        )

    def answer(self, pairs: Pairs, states: Tensor | None = None) -> Answers:
        """`forward` without gradients, compiled where that was asked for: the way to ask from a GPU's own data."""
        with torch.no_grad():
            return Answers.joined(
                self._answer(pairs.of_rows(rows), None if states is None else states[rows])
                for rows in _parts(len(pairs.users))
            )

    def respond(
        self,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        histories: Histories,
        states: NDArray[np.float32] | None = None,
    ) -> Answers:
        """`answer` of arrays: pairs (b,), b histories, and SASRec's states (b, d) where they are known.

        A GPU answers one part while the next is copied.
        """
        known = None if states is None else torch.from_numpy(states).to(self.device, non_blocking=True)
        with torch.no_grad():
            return Answers.joined(
                self._answer(
                    Pairs.of(users[rows], items[rows], histories[rows], self.device),
                    None if known is None else known[rows],
                )
                for rows in _parts(len(users))
            )

    def states(self, histories: Histories) -> Tensor:
        """SASRec's states after each of b histories: float32 (b, d)."""
        nobody = np.zeros(len(histories), dtype=np.int64)
        with torch.no_grad():
            return torch.cat(
                [
                    self._ask_states(Pairs.of(nobody[rows], nobody[rows], histories[rows], self.device), None)
                    for rows in _parts(len(histories))
                ]
            )

    def _statistics_logit(self, pairs: Pairs, residuals: Tensor) -> Tensor:
        cut = pairs.last(self.statistics.max_history)
        return self.statistics(cut, residuals if cut is pairs else self.statistics.residuals(cut))

    def _states(self, pairs: Pairs, surprises: Tensor | None) -> Tensor:
        cut = pairs.last(self.network.settings.max_history)
        if surprises is None or cut is not pairs:
            surprises = self.statistics.surprises(self.statistics.residuals(cut))
        return self.network.last_states((cut.items + 1) * cut.present, cut.likes, surprises)


def _parts(n: int) -> list[slice]:
    """Consecutive rows of n in all, at least one part."""
    return [slice(start, start + _ROWS_AT_ONCE) for start in range(0, max(1, n), _ROWS_AT_ONCE)]
