from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from storage.checkpoints import load_arrays, load_json, save_arrays
from storage.errors import DataError

ARRAYS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "scalar": np.array(0.5, dtype=np.float32)}
SHAPES = {"w": (2, 3), "scalar": ()}


def test_arrays_survive_the_file(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.safetensors", ARRAYS)
    loaded = load_arrays(tmp_path / "a.safetensors", SHAPES)
    assert loaded.keys() == ARRAYS.keys()
    assert all(np.array_equal(loaded[name], ARRAYS[name]) for name in ARRAYS)


def test_a_transposed_array_is_written_as_it_is_indexed(tmp_path: Path) -> None:
    save_arrays(tmp_path / "a.safetensors", {"t": ARRAYS["w"].T})
    assert np.array_equal(load_arrays(tmp_path / "a.safetensors", {"t": (3, 2)})["t"], ARRAYS["w"].T)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"w": ARRAYS["w"]}, "field 'scalar'.*missing"),
        (ARRAYS | {"extra": ARRAYS["w"]}, "field 'extra'.*nothing asks for"),
        (ARRAYS | {"w": np.zeros((2, 4), dtype=np.float32)}, r"field 'w'.*\(2, 4\).*expected.*\(2, 3\)"),
        (ARRAYS | {"w": np.zeros((2, 3))}, "field 'w'.*float64"),
        (ARRAYS | {"w": np.full((2, 3), np.nan, dtype=np.float32)}, "field 'w'.*NaN"),
    ],
)
def test_another_content_than_asked_for_is_named(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    save_arrays(tmp_path / "a.safetensors", arrays)
    with pytest.raises(DataError, match=message):
        load_arrays(tmp_path / "a.safetensors", SHAPES)


def test_a_missing_or_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    with pytest.raises(DataError, match=r"a\.safetensors"):
        load_arrays(path, SHAPES)
    save_arrays(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match="not a readable checkpoint"):
        load_arrays(path, SHAPES)


def test_json_of_another_shape_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    shape = TypeAdapter(dict[str, float])
    with pytest.raises(DataError, match="not a readable file"):
        load_json(path, shape)
    path.write_text('{"a": "much"}')
    with pytest.raises(DataError, match="field 'a'"):
        load_json(path, shape)
    path.write_text('{"a": 1')
    with pytest.raises(DataError, match=r"model\.json"):
        load_json(path, shape)
    path.write_text('{"a": 1.5}')
    assert load_json(path, shape) == {"a": 1.5}
