"""Pairs of users and candidates as tensors on one device, each with the history before it."""

from __future__ import annotations

from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.interactions import NO_ITEM, Histories

Number = TypeVar("Number", np.int32, np.int64, np.float32)


class Pairs(NamedTuple):
    """b pairs and their histories, oldest reaction first, padded on the right.

    Parameters
    ----------
    users, candidates
        Integer tensors of shape (b,).
    items
        Integer tensor of shape (b, l): 0 on padding, so that every entry may be looked up.
    present
        bool tensor of shape (b, l): False on padding.
    likes
        bool tensor of shape (b, l): False on padding.
    ratings
        float32 tensor of shape (b, l): NaN where only a like or dislike is known.
    """

    users: Tensor
    candidates: Tensor
    items: Tensor
    present: Tensor
    likes: Tensor
    ratings: Tensor

    @classmethod
    def of(
        cls, users: NDArray[np.int64], candidates: NDArray[np.int64], histories: Histories, device: torch.device
    ) -> Self:
        """The pairs of arrays users and candidates (b,), with b histories."""
        items = _moved(histories.items, device)
        if histories.given_ratings is None:
            ratings = torch.full(items.shape, torch.nan, device=device)
        else:
            ratings = _moved(histories.given_ratings, device)
        of_pairs = _moved(users, device), _moved(candidates, device)
        likes = _moved(histories.likes, device)
        return cls(*of_pairs, items.clamp(min=0), items != NO_ITEM, likes, ratings)

    def of_rows(self, rows: slice) -> Pairs:
        """Consecutive rows of them, as views."""
        return Pairs(*(part[rows] for part in self))

    def last(self, n: int) -> Pairs:
        """The same pairs with the last n reactions of each history."""
        if self.items.shape[1] <= n:
            return self
        first = (self.present.sum(dim=1) - n).clamp(min=0)
        columns = first[:, None] + torch.arange(n, device=first.device)
        histories = (part.gather(1, columns) for part in (self.items, self.present, self.likes, self.ratings))
        return Pairs(self.users, self.candidates, *histories)


def _moved(array: NDArray[np.generic], device: torch.device) -> Tensor:
    """The array on the device.

    A GPU takes from pinned memory several times as fast as from any other; rows of users and items fit into 32 bits.
    """
    given = torch.from_numpy(np.ascontiguousarray(array))
    if device.type != "cuda":
        return given.to(device)
    kind = torch.int32 if given.dtype == torch.int64 else given.dtype
    pinned = torch.empty(given.shape, dtype=kind, pin_memory=True).copy_(given)
    return pinned.to(device, non_blocking=True).to(given.dtype)


def counted_in_category(words: Tensor, pairs: Pairs) -> Tensor:
    """h_C: reactions to items that share a category with the candidate, or all of them where none does.

    Parameters
    ----------
    words
        int64 tensor of shape (n_items, w): `PackedSets.words` of the categories.

    Returns
    -------
    bool tensor of shape (b, l), False on padding; see `models.response.evidence.category_history`.
    """
    shared = ((words[pairs.items] & words[pairs.candidates][:, None]) != 0).any(dim=2) & pairs.present
    return torch.where(shared.any(dim=1, keepdim=True), shared, pairs.present)


def members(words: Tensor, items: Tensor, asked: Tensor) -> Tensor:
    """Which of the members `asked` (b, m) the sets of items (b, l) hold: int64 (b, l, m) of 0 and 1.

    Parameters
    ----------
    words
        int64 tensor of shape (n_items, w): `PackedSets.words`.
    """
    places = items[:, :, None] * words.shape[1] + (asked // 64)[:, None]
    return (words.view(-1)[places] >> (asked % 64)[:, None]) & 1


def padded_lists(starts: NDArray[np.int64], values: NDArray[Number], nothing: int) -> NDArray[Number]:
    """Row i's values[starts[i] : starts[i + 1]] as row i of a matrix, filled up with `nothing`; at least 1 wide."""
    lengths = np.diff(starts)
    matrix = np.full((len(lengths), max(1, int(lengths.max(initial=0)))), nothing, dtype=values.dtype)
    matrix[np.arange(matrix.shape[1]) < lengths[:, None]] = values
    return matrix
