"""Keywords without a language model: the baseline that its keywords have to beat to be worth their cost.

The words of an item's texts that are most particular to it, by TF-IDF (Spärck Jones 1972, in scikit-learn's form).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfVectorizer

_PER_ITEM = 8


def tfidf_words(texts: Sequence[str]) -> tuple[csr_array, tuple[str, ...]]:
    """The eight most particular words of each text.

    Parameters
    ----------
    texts
        n texts, one an item; empty ones get no word.

    Returns
    -------
    Sparse binary float32 matrix of shape (n, v) and the v words.
    """
    vectorizer = TfidfVectorizer(stop_words="english", token_pattern=r"(?u)\b[^\W\d_]{3,}\b", min_df=2, max_df=0.3)
    try:
        weights = csr_array(vectorizer.fit_transform(texts))
    except ValueError:  # what scikit-learn raises where no two texts share a word
        return csr_array((len(texts), 0), dtype=np.float32), ()
    kept = [_largest(weights, row) for row in range(len(texts))]
    rows = np.repeat(np.arange(len(texts)), [len(columns) for columns in kept])
    columns = np.concatenate([*kept, np.zeros(0, dtype=np.int64)])
    matrix = csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=weights.shape)
    return matrix, tuple(vectorizer.get_feature_names_out().tolist())


def _largest(weights: csr_array, row: int) -> NDArray[np.int64]:
    entries = slice(weights.indptr[row], weights.indptr[row + 1])
    order = np.argsort(np.negative(weights.data[entries]), kind="stable")
    return weights.indices[entries][order[:_PER_ITEM]].astype(np.int64)
