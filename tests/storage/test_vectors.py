from pathlib import Path

import numpy as np
import polars as pl
import pytest

from storage.errors import DataError
from storage.vectors import Vectors, read_index, read_item_vectors, read_keyword_vectors, write_embeddings

E = np.eye(3, dtype=np.float32)
NONE = Vectors(np.zeros(0, dtype=np.int64), np.zeros((0, 3), dtype=np.float32))


def write(target: Path) -> None:
    items = {"pro": Vectors(np.array([4, 1]), E[:2]), "con": Vectors(np.array([0]), E[2:])}
    write_embeddings(target, ["slow", "tense"], E[1:], items)  # pyright: ignore - literal keys


def test_vectors_are_read_back_with_zero_rows_where_there_are_none(tmp_path: Path) -> None:
    write(tmp_path / "embeddings")
    words, vectors = read_keyword_vectors(tmp_path / "embeddings")
    assert words == ["slow", "tense"]
    np.testing.assert_array_equal(vectors, E[1:])
    pro = read_item_vectors(tmp_path / "embeddings", "pro", 6)
    assert pro.dtype == np.float32
    np.testing.assert_array_equal(pro, [[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]])


def test_an_index_answers_with_item_ids(tmp_path: Path) -> None:
    write(tmp_path / "embeddings")
    scores, ids = read_index(tmp_path / "embeddings", "items_pro").search(E[:1], 1)  # pyright: ignore - SWIG
    assert (ids.tolist(), scores.tolist()) == ([[4]], [[1.0]])
    assert read_index(tmp_path / "embeddings", "keywords").search(E[2:], 1)[1].tolist() == [[1]]  # pyright: ignore


def test_no_keywords_at_all_still_give_readable_artefacts(tmp_path: Path) -> None:
    write_embeddings(tmp_path / "e", [], NONE.vectors, {"pro": NONE, "con": NONE})
    assert read_item_vectors(tmp_path / "e", "con", 2).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert read_index(tmp_path / "e", "items_con").ntotal == 0


def test_writing_again_replaces_the_folder_with_equal_bytes(tmp_path: Path) -> None:
    target = tmp_path / "embeddings"
    write(target)
    first = {path.name: path.read_bytes() for path in target.iterdir()}
    write(target)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == first


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "embeddings"
    write(folder)
    with pytest.raises(DataError, match=r"items\.parquet.*item ids outside 0 \.\. 2"):
        read_item_vectors(folder, "pro", 3)
    (folder / "keywords.faiss").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"keywords\.faiss.*Delete the folder"):
        read_index(folder, "keywords")
    pl.DataFrame({"keyword": ["a"]}).write_parquet(folder / "keywords.parquet")
    with pytest.raises(DataError, match=r"field 'vector'.*missing"):
        read_keyword_vectors(folder)
    (folder / "items.parquet").write_bytes((folder / "items.parquet").read_bytes()[:100])
    with pytest.raises(DataError, match="not a readable Parquet"):
        read_item_vectors(folder, "pro", 6)
