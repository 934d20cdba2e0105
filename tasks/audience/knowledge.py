"""Item knowledge that people pass in: of the same catalogue and vocabulary, with finite numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.knowledge import ItemKnowledge
from tasks.audience.arguments import ArgumentError, instance

_EXAMPLE = "an ItemKnowledge, such as dataclasses.replace(users.knowledge, pro=...)"


def checked_knowledge(name: str, value: object, own: ItemKnowledge) -> ItemKnowledge:
    """Knowledge of the run's items and categories, whose parts fit each other; the vocabulary may be another.

    Parameters
    ----------
    name
        Of the argument.
    value
        What was passed in.
    own
        The run's own.

    Raises
    ------
    TypeError, ArgumentError
        Where it is something else; the message names the part.
    """
    given = instance(name, value, ItemKnowledge, _EXAMPLE)
    keywords = len(instance(f"{name}.keywords", given.keywords, tuple, "a tuple of keywords"))
    for part in ("category_names", "item_names"):
        names = instance(f"{name}.{part}", getattr(given, part), tuple, "a tuple of names")
        if len(names) != len(getattr(own, part)):
            raise ArgumentError(f"{name}.{part}: found {len(names)} names, expected {len(getattr(own, part))}")
    width = own.keyword_vectors.shape[1]
    for part, shape in (
        ("keyword_vectors", (keywords, width)),
        ("pro_vectors", own.pro_vectors.shape),
        ("con_vectors", own.con_vectors.shape),
    ):
        array = instance(f"{name}.{part}", getattr(given, part), np.ndarray, "an array")
        _check(f"{name}.{part}", array.shape, array, shape)
    sets = (own.n_items, keywords)
    for part, shape in (("pro", sets), ("con", sets), ("categories", (own.n_items, len(own.category_names)))):
        matrix = instance(f"{name}.{part}", getattr(given, part), csr_array, "a scipy.sparse.csr_array")
        _check(f"{name}.{part}", matrix.shape or (), matrix.data, shape)
        _check_indices(f"{name}.{part}", matrix, shape)
    return given


def _check(place: str, found: tuple[int, ...], values: NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if found != shape or values.dtype != np.float32:
        raise ArgumentError(f"{place}: found shape {found} of {values.dtype}, expected {shape} of float32")
    if not np.all(np.isfinite(values)):
        raise ArgumentError(f"{place}: found NaN or infinity, expected finite numbers")


def _check_indices(place: str, part: csr_array, shape: tuple[int, int]) -> None:
    rows, columns = shape
    starts, indices = part.indptr, part.indices
    inside = len(starts) == rows + 1 and starts[0] == 0 and starts[-1] <= len(indices) == len(part.data)
    inside = inside and bool(np.all(np.diff(starts) >= 0))
    if not inside or np.any((indices < 0) | (indices >= columns)):
        raise ArgumentError(f"{place}: found a damaged sparse matrix, expected one whose indices lie within its shape")
