"""Asking the processor for a line of memory before it is needed, which a walk over scattered rows else waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from models.kernels.compiled import inner_loop

LINE = 64  # bytes that come at once
_AT_HAND = 1 << 20  # bytes that stay in the cache


def _prefetch(_typing_context, address):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - numba's own types
    def generate(context, builder, _signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        read, keep_near, data = (ir.Constant(number, value) for value in (0, 3, 1))
        builder.call(function, [builder.inttoptr(arguments[0], byte), read, keep_near, data])
        return context.get_dummy_value()

    return types.void(types.uintp), generate


prefetch = cast("Callable[[np.uint64], None]", intrinsic(_prefetch))
"""Start to load the line of memory at an address, an unsigned 64-bit number; any address is allowed."""


@inner_loop
def prefetch_row(array: NDArray[np.generic], row: int) -> None:
    """Start to load a row of a C-contiguous array, or an element where it has one dimension."""
    size = array.strides[0]
    start = np.uint64(array.ctypes.data) + np.uint64(row) * np.uint64(size)
    for line in range(0, size, LINE):
        prefetch(start + np.uint64(line))


@inner_loop
def prefetch_next(array: NDArray[np.generic], items: NDArray[np.int64], row: int) -> None:
    """Start to load the rows of a C-contiguous array that the next row of items (b, l) names; none of a small array."""
    if array.size * array.itemsize > _AT_HAND:
        following = items[min(row + 1, len(items) - 1)]
        for t in range(len(following)):
            prefetch_row(array, max(following[t], 0))
