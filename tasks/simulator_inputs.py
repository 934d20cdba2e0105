"""The simulator of a run folder: its checkpoints, tables and vectors put together again."""

from __future__ import annotations

from typing import Self

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from scipy.sparse import csr_array

from models.estimators.baselines import Bias
from models.estimators.ease import EASE, EASESettings, most_frequent
from models.estimators.logistic import Ensemble, VoteTable
from models.estimators.rating_factors import FactorSettings, RatingFactors
from models.estimators.word_taste import WordTaste
from models.interactions import Interactions
from models.knowledge import ItemKnowledge
from models.response.features import FEATURE_NAMES, ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings
from models.response.similarity import Similarity
from models.simulation.patience import Patience
from models.simulation.simulator import UserSimulator
from storage.checkpoints import load_arrays, load_json
from storage.contracts import ITEM_WORDS
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.loading import load_interactions, load_knowledge
from tasks.steps.fit_patience import load_patience

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

    ensemble: Ensemble
    vote_tables: dict[str, VoteTable]
    factors: FactorSettings
    ease: EASESettings
    neutral: tuple[float, float] = Field(description="similarity of a side without evidence: for, against")
    max_history: int = Field(gt=0, description="last interactions that any model looks at")

    @model_validator(mode="after")
    def _of_this_version(self) -> Self:
        if self.ensemble.names != FEATURE_NAMES:
            raise ValueError(f"the ensemble was fitted on the features {self.ensemble.names}, not {FEATURE_NAMES}")
        return self


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


def new_ease(train: Interactions, settings: EASESettings) -> EASE:
    """EASE of the items with most training interactions, not fitted."""
    return EASE(most_frequent(train.items, train.n_items, settings.n_items), train.n_items, settings.penalty)


def word_sets(words: pl.DataFrame, n_items: int) -> csr_array:
    """Which words an item has, of a table `ITEM_WORDS`: sparse binary float32 matrix of shape (n_items, v)."""
    columns = words["word"].rank("dense").to_numpy().astype(np.int64) - 1
    entries = np.ones(words.height, dtype=np.float32), (words["item_id"].to_numpy(), columns)
    return csr_array(entries, shape=(n_items, words["word"].n_unique()))


def response_models(
    knowledge: ItemKnowledge,
    sasrec: SASRec,
    bias: Bias,
    factors: RatingFactors,
    ease: EASE,
    *,
    words: csr_array,
    neutral: tuple[float, float],
) -> ResponseModels:
    """The response models, from their learned parts; words are those of `word_sets`."""
    logical = KeywordMatching(knowledge), Similarity(knowledge, neutral)
    return ResponseModels(*logical, sasrec, bias, factors, WordTaste(words), ease)


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
    models = response_models(knowledge, sasrec, bias, factors, ease, words=words, neutral=checkpoint.neutral)
    hazard = load_patience(folder).hazard if folder.path("patience").exists() else None
    patience = None if hazard is None else Patience(hazard)
    return UserSimulator(knowledge, train, models, checkpoint.ensemble, checkpoint.max_history, patience=patience)
