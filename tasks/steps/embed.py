"""Step `embed`: vectors of the vocabulary and of every item's pros and cons, with FAISS indexes over them."""

from __future__ import annotations

import numpy as np
import polars as pl

from models.keywords.embeddings import EmbeddingSettings, SentenceEncoder, mean_vectors
from storage.contracts import KEYWORDS, VOCABULARY
from storage.run_folder import RunFolder
from storage.tables import read_table
from storage.vectors import SIDES, Vectors, write_embeddings
from tasks.step import Summary, step


@step(version="1", reads=("keywords.parquet", "vocabulary.parquet"), writes=("embeddings",))
def embed(folder: RunFolder, settings: EmbeddingSettings) -> Summary:
    """Encode the vocabulary; an item's vector of a side is the mean of its keywords', scaled to unit length."""
    keywords = read_table(folder.path("keywords.parquet"), KEYWORDS)
    vocabulary = read_table(folder.path("vocabulary.parquet"), VOCABULARY)["keyword"].to_list()
    vectors = SentenceEncoder(settings)(vocabulary)
    rows = keywords.join(
        pl.DataFrame({"keyword": vocabulary}, schema={"keyword": pl.String}).with_row_index("row"), on="keyword"
    )
    items = {}
    for side in SIDES:
        chosen = rows.filter(pl.col("side") == side)
        places = chosen["row"].to_numpy().astype(np.int64)
        items[side] = Vectors(*mean_vectors(chosen["item_id"].to_numpy().astype(np.int64), vectors[places]))
    write_embeddings(folder.path("embeddings"), vocabulary, vectors, items)
    return {
        "keywords": len(vocabulary),
        "dimension": vectors.shape[1],
        **{f"items_{side}": len(items[side].ids) for side in SIDES},
    }
