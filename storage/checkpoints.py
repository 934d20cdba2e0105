"""Checkpoints: arrays as safetensors, everything else as JSON. Never pickle: loading a checkpoint runs no code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from storage.errors import DataError

T = TypeVar("T")
_REMEDY = "Delete it and run the pipeline again: the step that makes it will run"


def save_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write named arrays; wrap in `storage.files.publish` to write them atomically."""
    save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, path)


def load_arrays(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """Read named arrays that must be exactly those of `shapes`, finite, and float32.

    Parameters
    ----------
    path
        A .safetensors file.
    shapes
        The shape that each array must have.

    Raises
    ------
    DataError
        Where the file is missing, damaged, or holds anything else than `shapes` says.
    """
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"not a readable checkpoint ({error})", file=path, remedy=_REMEDY) from error
    for name in sorted(shapes.keys() | arrays.keys()):
        if name not in arrays:
            raise DataError("the array is missing from the checkpoint", file=path, field=name, remedy=_REMEDY)
        if name not in shapes:
            raise DataError(
                "the checkpoint holds an array that nothing asks for", file=path, field=name, remedy=_REMEDY
            )
        if arrays[name].shape != shapes[name] or arrays[name].dtype != np.float32:
            raise DataError(
                f"found {arrays[name].dtype} of shape {arrays[name].shape}, expected float32 of shape {shapes[name]}",
                file=path,
                field=name,
                remedy=_REMEDY,
            )
        if not np.isfinite(arrays[name]).all():
            raise DataError("found NaN or infinity among its values", file=path, field=name, remedy=_REMEDY)
    return arrays


def load_json(path: Path, shape: TypeAdapter[T]) -> T:
    """Read a JSON file as the type of `shape`.

    Raises
    ------
    DataError
        Where the file is missing, is not JSON, or has another content than the type says.
    """
    try:
        return shape.validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"not a readable file ({error})", file=path, remedy=_REMEDY) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise DataError(first["msg"], file=path, field=field, remedy=_REMEDY) from error
