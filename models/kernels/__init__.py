"""Numba helpers at the ground: compiled loops, threads over rows, packed sets."""

from models.kernels.bitsets import PackedSets
from models.kernels.compiled import loop, vector_loop
from models.kernels.threads import by_blocks

__all__ = ["PackedSets", "by_blocks", "loop", "vector_loop"]
