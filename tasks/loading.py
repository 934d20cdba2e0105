"""A run folder's tables, vectors and checkpoints as the data and the simulator that models are made of."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from scipy.sparse import csr_array

from models.estimators.baselines import Bias
from models.estimators.ease import EASE, EASESettings, most_frequent
from models.estimators.logistic import LogisticModel
from models.estimators.rating_factors import FactorSettings, RatingFactors
from models.estimators.recent_categories import CategoryRecency, RecentCategories
from models.estimators.user_kinds import UserKinds
from models.estimators.word_taste import WordTaste
from models.explanation.votes import ItemIndexes, KeywordRecord
from models.interactions import Interactions
from models.keywords.nearest import NearestVectors
from models.knowledge import ItemKnowledge
from models.response.exposure import Selection
from models.response.features import FEATURE_NAMES, ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings
from models.response.similarity import Similarity
from models.response.voting import VoteTable
from models.simulation.patience import Patience, PatienceFit
from models.simulation.simulator import UserSimulator
from storage.checkpoints import load_arrays, load_json
from storage.contracts import INTERACTIONS, ITEM_WORDS, ITEMS, KEYWORDS, USERS, VOCABULARY
from storage.errors import DataError
from storage.run_folder import RunFolder
from storage.tables import read_table
from storage.vectors import read_index, read_item_vectors, read_keyword_vectors

# What the simulator is put together from, in a run folder, before its ensemble, and in all.
PARTS_BEFORE_ENSEMBLE = (
    "users.parquet",
    "items.parquet",
    "interactions.parquet",
    "keywords.parquet",
    "vocabulary.parquet",
    "embeddings",
    "sasrec",
)
SIMULATOR_PARTS = (*PARTS_BEFORE_ENSEMBLE, "ensemble", "patience")


class EnsembleCheckpoint(BaseModel):
    """ensemble/model.json: all that fit_ensemble learned, but for arrays and words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ensemble: LogisticModel
    selection: Selection
    vote_tables: dict[str, VoteTable]
    factors: FactorSettings
    ease: EASESettings
    mixtures: tuple[int, int] = Field(description="of kinds of users: how many, and kinds of each")
    neutral: tuple[float, float] = Field(description="similarity that speaks neither way: for, against")
    recency: float = Field(description="logit where all recent reactions share a category with the candidate")
    max_history: int = Field(gt=0, description="last interactions that any model looks at")

    @model_validator(mode="after")
    def _of_this_version(self) -> Self:
        if self.ensemble.names != FEATURE_NAMES:
            raise ValueError(f"the ensemble was fitted on the features {self.ensemble.names}, not {FEATURE_NAMES}")
        return self


class PatienceCheckpoint(BaseModel):
    """patience/model.json: the learned hazard and its fit, or why there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hazard: LogisticModel | None
    fit: PatienceFit | None
    refused: str | None = Field(description="why no hazard could be learned")


def load_interactions(folder: RunFolder, splits: tuple[str, ...]) -> Interactions:
    """Interactions of the named splits, sorted by user and time.

    Parameters
    ----------
    folder
        A run folder with users, items and interactions.
    splits
        Any of `train`, `validation`, `test`.
    """
    columns = ["user_id", "item_id", "like", "rating", "order"]
    rows = read_table(
        folder.path("interactions.parquet"), INTERACTIONS, columns, rows=pl.col("split").is_in(splits)
    ).sort("user_id", "order")
    return Interactions(
        users=rows["user_id"].to_numpy().astype(np.int64),
        items=rows["item_id"].to_numpy().astype(np.int64),
        likes=rows["like"].to_numpy().astype(bool),
        ratings=rows["rating"].to_numpy().astype(np.float32),
        n_users=read_table(folder.path("users.parquet"), USERS, ["user_id"]).height,
        n_items=read_table(folder.path("items.parquet"), ITEMS, ["item_id"]).height,
    )


def load_knowledge(folder: RunFolder) -> ItemKnowledge:
    """What the language model said about every item, from keywords, vocabulary and item vectors."""
    items = read_table(folder.path("items.parquet"), ITEMS)
    vocabulary = read_table(folder.path("vocabulary.parquet"), VOCABULARY)["keyword"].to_list()
    keywords = read_table(folder.path("keywords.parquet"), KEYWORDS).join(
        pl.DataFrame({"keyword": vocabulary}, schema={"keyword": pl.String}).with_columns(
            column=pl.int_range(pl.len())  # none where curation kept nothing
        ),
        on="keyword",
    )
    categories, category_names = _categories(items)
    pro, con = (keywords.filter(pl.col("side") == side) for side in ("pro", "con"))
    shape = (items.height, len(vocabulary))
    vectors = {side: read_item_vectors(folder.path("embeddings"), side, items.height) for side in ("pro", "con")}
    names, of_keywords = read_keyword_vectors(folder.path("embeddings"))
    row = {name: place for place, name in enumerate(names)}
    return ItemKnowledge(
        keywords=tuple(vocabulary),
        keyword_vectors=of_keywords[np.array([row[keyword] for keyword in vocabulary], dtype=np.int64)],
        pro=_binary(pro["item_id"].to_numpy(), pro["column"].to_numpy(), shape),
        con=_binary(con["item_id"].to_numpy(), con["column"].to_numpy(), shape),
        pro_vectors=vectors["pro"],
        con_vectors=vectors["con"],
        categories=categories,
        category_names=category_names,
        item_names=tuple(items["name"].to_list()),
    )


def load_item_indexes(folder: RunFolder, knowledge: ItemKnowledge) -> ItemIndexes:
    """The FAISS indexes of a run over its items."""
    embeddings = folder.path("embeddings")
    return ItemIndexes(
        NearestVectors(knowledge.pro_vectors, read_index(embeddings, "items_pro")),
        NearestVectors(knowledge.con_vectors, read_index(embeddings, "items_con")),
    )


def load_keyword_record(
    folder: RunFolder,
    knowledge: ItemKnowledge,
    items: NDArray[np.int64],
    indexes: ItemIndexes | None = None,
) -> KeywordRecord:
    """Where explanations look up keywords: the evidence of those of `items` (n,), and the run's indexes.

    Indexes that were loaded before can be handed in.
    """
    rows = pl.col("item_id").is_in(np.unique(items).tolist())
    columns = ["item_id", "side", "keyword", "evidence"]
    keywords = read_table(folder.path("keywords.parquet"), KEYWORDS, columns, rows=rows)
    evidence = {(item, side, keyword): text for item, side, keyword, text in keywords.iter_rows()}
    return KeywordRecord(evidence, indexes or load_item_indexes(folder, knowledge))


def item_texts(items: pl.DataFrame) -> list[str]:
    """Name, attributes and description of every item of the item table, as one text each."""
    return items.select(pl.concat_str("name", "attributes", "description", separator=" ")).to_series().to_list()


def load_categories(folder: RunFolder) -> csr_array:
    """Every item's categories: sparse binary float32 matrix of shape (n_items, n_categories)."""
    return _categories(read_table(folder.path("items.parquet"), ITEMS))[0]


def row_of(table: pl.DataFrame, kind: str, source_id: str, path: Path) -> int:
    """Row number of a user or item by its id in the dataset; the error names near ones."""
    ids = table["source_id"].to_list()
    if source_id in ids:
        return ids.index(source_id)
    near = difflib.get_close_matches(source_id, ids, n=3) or ids[:3]
    raise DataError(
        f"there is no {kind} {source_id!r} among {len(ids)}",
        file=path,
        field="source_id",
        remedy=f"Choose one that the run knows, such as {', '.join(near)}",
    )


def load_sasrec(folder: RunFolder, categories: csr_array, *, published: bool = False) -> SASRec:
    """SASRec from the folder `sasrec`, or the published network that it is compared with.

    Raises
    ------
    DataError
        Where the checkpoint is missing, damaged, or of another shape than its settings and the catalogue say.
    """
    settings = load_json(folder.path("sasrec/settings.json"), TypeAdapter(SASRecSettings))
    model = SASRec(categories, settings.as_published() if published else settings)
    shapes = {name: array.shape for name, array in model.arrays().items()}
    name = "published" if published else "model"
    model.set_arrays(load_arrays(folder.path(f"sasrec/{name}.safetensors"), shapes))
    return model.eval()


def load_bias(folder: RunFolder, n_users: int, n_items: int) -> Bias:
    """The bias model from the folder `ensemble`."""
    shapes = {"global_effect": (1,), "user_effects": (n_users,), "item_effects": (n_items,)}
    return Bias.of_arrays(load_arrays(folder.path("ensemble/arrays.safetensors"), shapes))


def load_ensemble(folder: RunFolder) -> EnsembleCheckpoint:
    """What fit_ensemble learned."""
    return load_json(folder.path("ensemble/model.json"), TypeAdapter(EnsembleCheckpoint))


def load_factors(folder: RunFolder, n_items: int, settings: FactorSettings) -> RatingFactors:
    """The rating factors from the folder `ensemble`."""
    factors = RatingFactors(n_items, settings)
    factors.items = load_arrays(folder.path("ensemble/factors.safetensors"), {"items": factors.items.shape})["items"]
    return factors


def load_ease(folder: RunFolder, train: Interactions, settings: EASESettings) -> EASE:
    """EASE from the folder `ensemble`."""
    ease = new_ease(train, settings)
    ease.weights = load_arrays(folder.path("ensemble/ease.safetensors"), {"weights": ease.weights.shape})["weights"]
    return ease


def load_kinds(folder: RunFolder, n_items: int, mixtures: tuple[int, int]) -> UserKinds:
    """Kinds of users from the folder `ensemble`, with the keywords of the run."""
    keywords = tuple(read_table(folder.path("vocabulary.parquet"), VOCABULARY)["keyword"].to_list())
    arrays = load_arrays(folder.path("ensemble/kinds.safetensors"), UserKinds.shapes(n_items, len(keywords), *mixtures))
    return UserKinds(keywords, **arrays, levels=arrays["own"])


def new_ease(train: Interactions, settings: EASESettings) -> EASE:
    """EASE of the items with most training interactions, not fitted."""
    return EASE(most_frequent(train.items, train.n_items, settings.n_items), train.n_items, settings.penalty)


def word_sets(words: pl.DataFrame, n_items: int) -> csr_array:
    """Which words an item has, of a table `ITEM_WORDS`: sparse binary float32 matrix of shape (n_items, v)."""
    columns = words["word"].rank("dense").to_numpy().astype(np.int64) - 1
    entries = np.ones(words.height, dtype=np.float32), (words["item_id"].to_numpy(), columns)
    return csr_array(entries, shape=(n_items, words["word"].n_unique()))


def load_simulator(folder: RunFolder) -> UserSimulator:
    """The whole simulator of a run whose ensemble has been fitted; its users have patience where that was fitted too.

    Raises
    ------
    DataError
        Where a part is missing, damaged, or does not fit the others.
    """
    knowledge, train = load_knowledge(folder), load_interactions(folder, ("train",))
    return simulator_of(folder, knowledge, train)


def simulator_of(folder: RunFolder, knowledge: ItemKnowledge, train: Interactions) -> UserSimulator:
    """The simulator from a run's checkpoints and from tables that are already loaded."""
    checkpoint = load_ensemble(folder)
    sasrec, bias = load_sasrec(folder, knowledge.categories), load_bias(folder, train.n_users, train.n_items)
    factors = load_factors(folder, train.n_items, checkpoint.factors)
    words = word_sets(read_table(folder.path("ensemble/words.parquet"), ITEM_WORDS), train.n_items)
    ease = load_ease(folder, train, checkpoint.ease)
    logical = KeywordMatching(knowledge), Similarity(knowledge, checkpoint.neutral)
    recency = CategoryRecency(RecentCategories(logical[0].categories), checkpoint.recency)
    kinds = load_kinds(folder, train.n_items, checkpoint.mixtures).knowing(knowledge)
    models = ResponseModels(*logical, sasrec, bias, factors, WordTaste(words), ease, recency, kinds)
    hazard = load_patience(folder).hazard if folder.path("patience").exists() else None
    patience = None if hazard is None else Patience(hazard)
    return UserSimulator(
        knowledge,
        train,
        models,
        checkpoint.ensemble,
        checkpoint.max_history,
        selection=checkpoint.selection.shift,
        patience=patience,
    )


def load_patience(folder: RunFolder) -> PatienceCheckpoint:
    """What fit_patience learned.

    Raises
    ------
    DataError
        Where the checkpoint is missing or damaged.
    """
    return load_json(folder.path("patience/model.json"), TypeAdapter(PatienceCheckpoint))


def _categories(items: pl.DataFrame) -> tuple[csr_array, tuple[str, ...]]:
    """Matrix of shape (n_items, n_categories) and the names of its columns."""
    pairs = items.select("item_id", "categories").explode("categories").drop_nulls()
    names = pairs["categories"].unique().sort().to_list()
    columns = pairs["categories"].replace_strict(names, np.arange(len(names)), return_dtype=pl.Int64)
    return _binary(pairs["item_id"].to_numpy(), columns.to_numpy(), (items.height, len(names))), tuple(names)


def _binary(rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, int]) -> csr_array:
    matrix = csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    matrix.data[:] = 1.0  # repeats are summed on construction; the sets are binary
    return matrix
