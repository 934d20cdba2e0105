"""Training of SASRec: the next reaction at every position of every user's training sequence."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn import functional

from models.interactions import NO_ITEM, Histories, Interactions
from models.metrics.classification import auc
from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings


@dataclass(frozen=True)
class Epoch:
    """One pass over the training interactions.

    Parameters
    ----------
    train_loss
        Mean log-loss, dropout on.
    validation_auc
        AUC on validation pairs given the training histories; 0.5 where there is only one class.
    """

    train_loss: float
    validation_auc: float


@dataclass(frozen=True)
class Windows:
    """Pieces of training sequences, w of them, each up to l interactions long and padded on the right.

    Parameters
    ----------
    items
        int64 array of shape (w, l).
    likes
        bool array of shape (w, l).
    surprises
        float32 array of shape (w, l): how far each rating lies above its item's usual one.
    statistics
        float32 array of shape (w, l): the statistics' logit of each reaction as if it had not been seen.
    targets
        bool array of shape (w, l): which positions this window teaches; each interaction is taught once.
    """

    items: NDArray[np.int64]
    likes: NDArray[np.bool_]
    surprises: NDArray[np.float32]
    statistics: NDArray[np.float32]
    targets: NDArray[np.bool_]


def train_sasrec(
    train: Interactions,
    validation: Interactions,
    categories: csr_array,
    settings: SASRecSettings,
    device: str = "cpu",
    *,
    show: Callable[[int, str], None] = lambda done, words: None,
) -> tuple[SASRec, list[Epoch]]:
    """Fit SASRec on training interactions; keep the epoch with the best validation AUC.

    Parameters
    ----------
    train
        Sequences to learn from.
    validation
        Pairs that decide when to stop; their histories are the training interactions.
    categories
        Sparse binary matrix of shape (n_items, n_categories).
    settings
        Shape and training.
    device
        Torch device.
    show
        Called after each epoch with the number of epochs so far, and its validation AUC in words.

    Returns
    -------
    The model, in evaluation mode, and what each epoch came to.

    Raises
    ------
    ValueError
        Where there is nothing to train on.
    """
    if not len(train):
        raise ValueError("SASRec needs training interactions; there are none")
    with _threads(settings.threads), torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        return _train(SASRec(categories, settings).to(device), train, validation, settings, show)


def _train(
    model: SASRec,
    train: Interactions,
    validation: Interactions,
    settings: SASRecSettings,
    show: Callable[[int, str], None],
) -> tuple[SASRec, list[Epoch]]:
    rng = np.random.default_rng(settings.seed)
    statistics = model.statistics.fit(train)
    optimiser = _optimiser(model, settings)
    windows = windows_of(
        train,
        statistics.training_surprises(train),
        statistics.training_logits(train),
        settings.max_history,
    )
    histories, validation_statistics = _validation_inputs(model, train, validation)
    epochs: list[Epoch] = []
    best = copy.deepcopy(model.state_dict())
    while len(epochs) < settings.max_epochs and not _stalled(epochs, settings.patience):
        loss = _epoch(model, optimiser, windows, settings, rng)
        model.eval()
        logits = model.pair_logits(validation.items, histories, validation_statistics)
        epochs.append(Epoch(loss, auc(validation.likes, logits)))
        show(len(epochs), f"validation AUC {epochs[-1].validation_auc:.4f}")
        if epochs[-1].validation_auc >= max(epoch.validation_auc for epoch in epochs):
            best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    return model.eval(), epochs


def validation_logits(model: SASRec, train: Interactions, validation: Interactions) -> NDArray[np.float32]:
    """Logit of P(like) of n validation pairs given the training histories: float32 (n,)."""
    histories, statistics = _validation_inputs(model, train, validation)
    return model.pair_logits(validation.items, histories, statistics)


def _validation_inputs(
    model: SASRec, train: Interactions, validation: Interactions
) -> tuple[Histories, NDArray[np.float32]]:
    """The histories that validation pairs are judged by, and what the statistics say of them."""
    settings = model.settings
    histories = train.histories(validation.users, max(settings.max_history, settings.statistics_history))
    return histories, model.statistics.logits(validation.items, histories)


def windows_of(
    train: Interactions, surprises: NDArray[np.float32], statistics: NDArray[np.float32], length: int
) -> Windows:
    """Cut every user's sequence into overlapping windows of `length`; surprises and statistics are (n,).

    The first window of a user teaches all its positions, each later one, half a window further on, its second half:
    so every target but the first ones sees at least half a window of context.
    """
    stride = max(1, length // 2)
    offsets = train.offsets
    rows, taught = [], []
    for start, end in pairwise(offsets):
        n = int(end - start)
        for begin in range(0, max(1, n - length + stride) if n else 0, stride):
            positions = begin + np.arange(length)
            inside = positions < n
            rows.append(np.where(inside, start + positions, -1))
            taught.append(inside & ((begin == 0) | (np.arange(length) >= length - stride)))
    table, targets = np.stack(rows), np.stack(taught)
    inside = table >= 0
    return Windows(
        items=np.where(inside, train.items[table], NO_ITEM),
        likes=train.likes[table] & inside,
        surprises=np.where(inside, surprises[table], 0),
        statistics=np.where(inside, statistics[table], 0),
        targets=targets,
    )


def _optimiser(model: SASRec, settings: SASRecSettings) -> torch.optim.AdamW:
    """AdamW: matrices decay, vectors do not, the few scalars move ten times faster."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim == 1]},
        {"params": [p for p in model.parameters() if p.ndim == 0], "lr": 10 * settings.learning_rate},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=0.0)


def _epoch(
    model: SASRec,
    optimiser: torch.optim.AdamW,
    windows: Windows,
    settings: SASRecSettings,
    rng: np.random.Generator,
) -> float:
    """Mean log-loss of one pass, a step a batch."""
    model.train()
    total, count = 0.0, 0
    for items, likes, surprises, statistics, targets in _batches(windows, settings.batch_size, rng, model.start.device):
        n = int(targets.sum())
        tokens = items + 1
        h = model(tokens[:, :-1], likes[:, :-1], surprises[:, :-1])  # entry t has seen the interactions before t
        logits = model.logits(h, tokens, statistics)  # (b, l)
        log_loss = functional.binary_cross_entropy_with_logits(logits, likes.float(), reduction="none")[targets].sum()
        optimiser.zero_grad(set_to_none=True)
        (log_loss / n).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        total, count = total + log_loss.item(), count + n
    return total / count


def _batches(
    windows: Windows, size: int, rng: np.random.Generator, device: torch.device
) -> Iterator[tuple[Tensor, ...]]:
    """Shuffled windows of similar length together, each batch no wider than its longest window."""
    lengths = (windows.items != NO_ITEM).sum(axis=1)
    order = np.lexsort((rng.random(len(lengths)), lengths))
    starts = rng.permutation(np.arange(0, len(order), size))
    for start in starts:
        rows = order[start : start + size]
        width = int(lengths[rows].max())
        parts = (windows.items, windows.likes, windows.surprises, windows.statistics, windows.targets)
        yield tuple(torch.from_numpy(part[rows, :width]).to(device) for part in parts)


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """Let torch use n CPU threads, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _stalled(epochs: list[Epoch], patience: int) -> bool:
    aucs = [epoch.validation_auc for epoch in epochs]
    return len(aucs) > patience and max(aucs[-patience:]) <= max(aucs[:-patience])
