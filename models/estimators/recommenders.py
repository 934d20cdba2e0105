"""Classical recommenders, to rank items by: what ranking agreement lets real and simulated users judge.

They learn from the likes of the training interactions and score every item for a user; a higher score ranks first. The
neighbourhood models and weighted matrix factorisation are those of the package `implicit`; EASE (Steck, arXiv
1905.03375) is its closed form.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender, ItemItemRecommender
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from models.estimators.baselines import ItemMean
from models.estimators.ease import EASE, most_frequent
from models.estimators.matrix_factorisation import MatrixFactorisation
from models.interactions import Interactions

Scores = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""Scores float32 (n,) of pairs: users and items, int64 (n,) each."""

NOISE_LEVELS = (0.5, 1.0, 2.0, 4.0)
_NOISY = tuple(f"matrix_factorisation_noise_{level:g}" for level in NOISE_LEVELS)
_FACTORISATIONS = ("weighted_factorisation", "matrix_factorisation", *_NOISY)
INDEPENDENT = "all of these"
FAMILIES = {
    "EASE": ("ease",),
    "factorisations": _FACTORISATIONS,
    "SASRec": ("sasrec_paper",),
    "noisy copies": _NOISY,
    INDEPENDENT: ("ease", *_FACTORISATIONS, "sasrec_paper"),
}
"""Recommenders that are kin of the ensemble's parts, or of one another: without them no judge knows its own."""
_NEIGHBOURS = 50
_EASE_PENALTY = 200.0
_EASE_ITEMS = 5000  # EASE inverts a matrix of items x items: the most liked ones; others score 0
_ROWS_AT_ONCE = 256


def recommenders(train: Interactions, sequence: Scores, seed: int) -> dict[str, Scores]:
    """Fitted recommenders by name, the noisy ones in falling order of quality.

    Parameters
    ----------
    train
        Training interactions.
    sequence
        Scores of the published SASRec, trained on the same interactions.
    seed
        Of random scores, of factors' starting values and of noise.
    """
    liked = _likes(train)
    factors = MatrixFactorisation(seed=seed).fit(train).probabilities
    popularity = np.asarray(liked.sum(axis=0), dtype=np.float32).ravel()
    noise = {name: _noisy(factors, train, level, seed) for name, level in zip(_NOISY, NOISE_LEVELS, strict=True)}
    return {
        "random": _noisy(lambda users, items: np.zeros(len(users), dtype=np.float32), train, 1.0, seed + 1),
        "popularity": lambda users, items: popularity[items],
        "item_mean": ItemMean().fit(train).probabilities,
        "item_knn": _by_products(liked, _neighbours(liked).T.tocsr()),
        "user_knn": _by_products(_neighbours(liked.T.tocsr()), liked),
        "weighted_factorisation": _weighted_factorisation(liked, seed),
        "ease": ease_of_likes(train),
        "matrix_factorisation": factors,
        "sasrec_paper": sequence,
        **noise,
    }


def ease_of_likes(train: Interactions) -> Scores:
    """EASE of likes alone, as published: a score is an entry of X B, the rows of X being the likes of `train`."""
    liked, frequent = _likes(train), most_frequent(train.items[train.likes], train.n_items, _EASE_ITEMS)
    model = EASE(frequent, train.n_items, _EASE_PENALTY).fit(liked)
    x = liked[:, model.items]

    def scores(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        places, (chosen, rows) = model.places[items], np.unique(users, return_inverse=True)
        scores = np.asarray(x[chosen] @ model.weights.T, dtype=np.float32)  # (users, items of the model)
        return np.where(places >= 0, scores[rows, places], 0).astype(np.float32)

    return scores


def scores_of(
    models: Mapping[str, Scores], users: NDArray[np.int64], items: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """Every recommender's scores of n pairs."""
    return {name: model(users, items) for name, model in models.items()}


def _likes(train: Interactions) -> csr_array:
    """Sparse binary (n_users, n_items): what the users liked."""
    rows = train.likes
    ones = np.ones(int(rows.sum()), dtype=np.float32)
    return csr_array((ones, (train.users[rows], train.items[rows])), shape=(train.n_users, train.n_items))


def _neighbours(rows: csr_array) -> csr_array:
    """Cosines of each column with its nearest ones: sparse (columns, columns)."""
    model: ItemItemRecommender = CosineRecommender(K=_NEIGHBOURS, num_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package about a matrix of its own making
        model.fit(csr_matrix(rows), show_progress=False)
    return csr_array(model.similarity, dtype=np.float32)


def _by_products(left: csr_array, right: csr_array) -> Scores:
    """Scores are entries of `left` (n_users, k) times `right` (k, n_items)."""
    columns = right.T.tocsr()

    def scores(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        parts = [
            left[users[start : start + _ROWS_AT_ONCE]]
            .multiply(columns[items[start : start + _ROWS_AT_ONCE]])
            .sum(axis=1)
            for start in range(0, len(users), _ROWS_AT_ONCE)
        ]
        return np.concatenate([np.asarray(part, dtype=np.float32).ravel() for part in parts])

    return scores


def _weighted_factorisation(liked: csr_array, seed: int) -> Scores:
    """Weighted matrix factorisation of likes (Hu, Koren and Volinsky 2008)."""
    with threadpool_limits(1, "blas"):  # the package runs threads of its own
        model = AlternatingLeastSquares(factors=32, regularization=0.1, iterations=10, random_state=seed, num_threads=1)
        model.fit(csr_matrix(liked), show_progress=False)
    users, items = np.asarray(model.user_factors), np.asarray(model.item_factors)
    return lambda u, i: (users[u] * items[i]).sum(axis=1)


def _noisy(model: Scores, train: Interactions, level: float, seed: int) -> Scores:
    """A model's scores with normal noise of `level` standard deviations of its own scores (1 where they are equal)."""
    spread = float(model(train.users, train.items).std()) or 1.0

    def scores(users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float32]:
        noise = np.random.default_rng(seed).normal(scale=level * spread, size=len(users))
        return (model(users, items) + noise).astype(np.float32)

    return scores
