"""Numbers that are worked on side by side, in the processor's wide registers.

Compilers do this to a loop by themselves, but ask each time whether its arrays overlap and how long they are, which
takes longer than a loop over a few dozen numbers itself. Here a loop says it: it goes over a width in steps of `LANES`.
Arrays have to have a whole number of these, the last ones filled up; `filled_up` does.

The functions are for compiled loops only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_jitable, register_model
from numpy.typing import NDArray

LANES = 32
"""float32 numbers: two registers of 512 bits, or four of 256."""

_FLOAT, _BYTE, _NUMBER = ir.FloatType(), ir.IntType(8), ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_TYPE_NAME = f"v{LANES}f32"  # LLVM's, in names of its intrinsics


class Lanes:
    """`LANES` numbers of float32; in Python there are none."""


class _LanesType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="Lanes")


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, of: _LanesType) -> None:  # noqa: ANN401 - numba's own
        super().__init__(manager, of, _VECTOR)


_LANES = _LanesType()


@register_jitable
def whole_lanes(n: int) -> int:
    """A number of numbers, or as many more as fill the last lanes; for Python too."""
    return (n + LANES - 1) // LANES * LANES


def filled_up(array: NDArray[np.float32], axis: int = -1) -> NDArray[np.float32]:
    """An array with zeros at the end of an axis, so that this is a whole number of lanes long."""
    widths = [(0, 0)] * array.ndim
    widths[axis] = (0, whole_lanes(array.shape[axis]) - array.shape[axis])
    return np.ascontiguousarray(np.pad(array, widths))


# Numba calls what follows with types of its own, which have no annotations.
# ruff: noqa: ANN001, ANN202


def _pointer(context, builder, array_type, array, index):
    """Where in an array the numbers from an index on are."""
    made = context.make_array(array_type)(context, builder, array)
    strides, places = (cgutils.unpack_tuple(builder, part, array_type.ndim) for part in (made.strides, index))
    start = builder.bitcast(made.data, _BYTE.as_pointer())
    for stride, place in zip(strides[:-1], places[:-1], strict=True):
        start = builder.gep(start, [builder.mul(stride, place)])
    start = builder.gep(builder.bitcast(start, _FLOAT.as_pointer()), places[-1:])
    return builder.bitcast(start, _VECTOR.as_pointer())


def _load(_typing_context, array, _index):
    def generate(context, builder, signature, arguments):
        return builder.load(_pointer(context, builder, signature.args[0], *arguments), align=4)

    return _LANES(array, types.UniTuple(types.intp, array.ndim)), generate


def _store(_typing_context, array, _index, _numbers):
    def generate(context, builder, signature, arguments):
        array, index, numbers = arguments
        builder.store(numbers, _pointer(context, builder, signature.args[0], array, index), align=4)
        return context.get_dummy_value()

    return types.void(array, types.UniTuple(types.intp, array.ndim), _LANES), generate


def _spread(_typing_context, _number):
    def generate(_context, builder, _signature, arguments):
        nothing, first = ir.Constant(_VECTOR, ir.Undefined), ir.Constant(_NUMBER, 0)
        everywhere = ir.Constant(ir.VectorType(_NUMBER, LANES), [0] * LANES)
        return builder.shuffle_vector(builder.insert_element(nothing, arguments[0], first), nothing, everywhere)

    return _LANES(types.float32), generate


def _multiply_add(_typing_context, _x, _y, _z):
    def generate(_context, builder, _signature, arguments):
        return builder.call(_llvm(builder, f"fma.{_TYPE_NAME}", _VECTOR, [_VECTOR] * 3), arguments)

    return _LANES(_LANES, _LANES, _LANES), generate


def _add(_typing_context, _x, _y):
    return _LANES(_LANES, _LANES), lambda _context, builder, _signature, arguments: builder.fadd(*arguments)


def _larger(_typing_context, _x, _y):
    def generate(_context, builder, _signature, arguments):
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return _LANES(_LANES, _LANES), generate


def _total(_typing_context, _numbers):
    def generate(_context, builder, _signature, arguments):
        function = _llvm(builder, f"vector.reduce.fadd.{_TYPE_NAME}", _FLOAT, [_FLOAT, _VECTOR])
        return builder.call(function, [ir.Constant(_FLOAT, -0.0), *arguments], fastmath=("reassoc",))

    return types.float32(_LANES), generate


def _largest(_typing_context, _numbers):
    def generate(_context, builder, _signature, arguments):
        function = _llvm(builder, f"vector.reduce.fmax.{_TYPE_NAME}", _FLOAT, [_VECTOR])
        return builder.call(function, arguments, fastmath=("nnan",))

    return types.float32(_LANES), generate


def _llvm(builder, name, result, arguments):
    """One of LLVM's intrinsics; llvmlite declares those of vectors for nobody."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), f"llvm.{name}")


load = cast("Callable[[NDArray[np.float32], tuple[int, ...]], Lanes]", intrinsic(_load))
"""The numbers of an array from an index on, along its last axis."""

store = cast("Callable[[NDArray[np.float32], tuple[int, ...], Lanes], None]", intrinsic(_store))
"""Write numbers to an array from an index on, along its last axis."""

spread = cast("Callable[[np.float32], Lanes]", intrinsic(_spread))
"""One number in every lane."""

multiply_add = cast("Callable[[Lanes, Lanes, Lanes], Lanes]", intrinsic(_multiply_add))
"""x y + z, rounded once."""

add = cast("Callable[[Lanes, Lanes], Lanes]", intrinsic(_add))
"""x + y."""

larger = cast("Callable[[Lanes, Lanes], Lanes]", intrinsic(_larger))
"""The larger one of x and y in each lane, neither being NaN."""

total = cast("Callable[[Lanes], np.float32]", intrinsic(_total))
"""Their sum."""

largest = cast("Callable[[Lanes], np.float32]", intrinsic(_largest))
"""The largest of them, none being NaN."""
