"""Numba helpers at the ground: compiled loops, threads over rows, packed sets."""
