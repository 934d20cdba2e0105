"""A run whose keywords were all removed by curation is still loaded: its items are known, without keywords."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from storage.contracts import ITEMS, KEYWORDS, VOCABULARY, polars_schema
from storage.run_folder import RunFolder
from storage.tables import write_table
from storage.vectors import Vectors, write_embeddings
from tasks.loading import load_knowledge


def test_knowledge_of_a_run_without_keywords_is_empty(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "films")
    items = [(n, f"s{n}", f"Film {n}", ["Crime"], "", "") for n in range(2)]
    write_table(folder.path("items.parquet"), pl.DataFrame(items, schema=polars_schema(ITEMS), orient="row"), ITEMS)
    for name, contract in (("keywords", KEYWORDS), ("vocabulary", VOCABULARY)):
        write_table(folder.path(f"{name}.parquet"), pl.DataFrame(schema=polars_schema(contract)), contract)
    nothing = np.zeros((0, 4), dtype=np.float32)
    no_vectors = Vectors(np.zeros(0, dtype=np.int64), nothing)
    write_embeddings(folder.path("embeddings"), [], nothing, {"pro": no_vectors, "con": no_vectors})
    knowledge = load_knowledge(folder)
    assert (knowledge.n_items, knowledge.keywords) == (2, ())
    assert knowledge.pro.nnz == knowledge.con.nnz == 0
