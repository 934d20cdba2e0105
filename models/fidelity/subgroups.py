"""The fidelity of parts of the test pairs: cold and warm users and items, head and tail, categories.

What a mean over all pairs hides: a model may live on the well-known items and know nothing of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from models.fidelity.card import Prediction
from models.interactions import Interactions
from models.knowledge import ItemKnowledge
from models.metrics.classification import UserBootstrap, auc, log_losses
from models.metrics.results import Interval, Result

COLD_USER, COLD_ITEM = 10, 5  # fewer training interactions than that
_CATEGORIES = 10
_RESAMPLES = 200


class SubgroupScores(Result):
    """One model's figures on a part; its AUC less the bias model's, with a paired interval."""

    auc: float
    log_loss: float
    auc_over_bias: float
    auc_over_bias_ci95: Interval


class SubgroupFidelity(Result):
    """A part of the test pairs and every model's figures on it."""

    part: str
    n: int
    like_rate: float
    models: dict[str, SubgroupScores]


def subgroup_fidelity(
    train: Interactions,
    test: Interactions,
    knowledge: ItemKnowledge,
    predictions: Mapping[str, Prediction],
    seed: int,
) -> list[SubgroupFidelity]:
    """Figures of every part that holds both likes and dislikes.

    Parameters
    ----------
    train, test
        What models learned from, and the pairs they are judged by.
    knowledge
        The items' categories.
    predictions
        Model to its prediction of the n test pairs, `bias` among them.
    seed
        Of the bootstrap over users.
    """
    figures: list[SubgroupFidelity] = []
    for name, inside in subgroups(train, test, knowledge).items():
        users, likes = test.users[inside], test.likes[inside]
        if likes.all() or not likes.any():
            continue
        bootstrap = UserBootstrap(users, likes, _RESAMPLES, seed)
        bias = predictions["bias"].scores[inside]
        scores: dict[str, SubgroupScores] = {}
        for model, prediction in predictions.items():
            own = prediction.scores[inside]
            scores[model] = SubgroupScores(
                auc=auc(likes, own),
                log_loss=float(log_losses(likes, prediction.probabilities[inside]).mean()),
                auc_over_bias=auc(likes, own) - auc(likes, bias),
                auc_over_bias_ci95=bootstrap.difference_interval(own, bias),
            )
        figures.append(
            SubgroupFidelity(
                part=name,
                n=len(users),
                like_rate=float(likes.mean()),
                models=scores,
            )
        )
    return figures


def subgroups(train: Interactions, test: Interactions, knowledge: ItemKnowledge) -> dict[str, NDArray[np.bool_]]:
    """Which test pairs belong to each part: bool arrays of shape (n,).

    Head items are the fewest that together have half of all training interactions; the categories are the ten with most
    test pairs.
    """
    user_counts = np.bincount(train.users, minlength=train.n_users)[test.users]
    counts = np.bincount(train.items, minlength=train.n_items)
    item_counts = counts[test.items]
    by_count = np.argsort(-counts, kind="stable")
    n_head = int(np.searchsorted(counts[by_count].cumsum(), len(train) / 2)) + 1
    head = np.zeros(train.n_items, dtype=bool)
    head[by_count[:n_head]] = True
    groups = {
        f"cold users (under {COLD_USER} training interactions)": user_counts < COLD_USER,
        "warm users": user_counts >= COLD_USER,
        "new items (no training interaction)": item_counts == 0,
        f"cold items (1 to {COLD_ITEM - 1})": (item_counts > 0) & (item_counts < COLD_ITEM),
        "warm items": item_counts >= COLD_ITEM,
        "head items": head[test.items],
        "tail items": ~head[test.items],
    }
    pair_categories = knowledge.categories[test.items].tocsc()
    sizes = np.diff(pair_categories.indptr)
    for column in np.argsort(-sizes, kind="stable")[:_CATEGORIES]:
        inside = np.zeros(len(test), dtype=bool)
        inside[pair_categories.indices[pair_categories.indptr[column] : pair_categories.indptr[column + 1]]] = True
        groups[f"category {knowledge.category_names[column]}"] = inside
    return groups
