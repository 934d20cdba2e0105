"""Step `ablate-ensemble`: what each part of the ensemble is worth, the language model's keywords above all.

The stack is fitted without each part, on each part alone, and on other knowledge of the same items: some of the
keywords only, those of other language-model profiles, or words that took no language model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from models.fidelity.ablation import Ablation, AblationPairs, StackInputs, Variant, ablate
from models.fidelity.subgroups import COLD_ITEM
from models.keywords.embeddings import EmbeddingSettings, Encode, SentenceEncoder, item_vectors
from models.keywords.tfidf import tfidf_words
from models.knowledge import ItemKnowledge
from models.metrics.results import Result
from models.response.features import ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.similarity import Similarity, neutral_values
from storage.contracts import INTERACTIONS, ITEMS, KEYWORDS
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.loading import SIMULATOR_PARTS, item_texts, load_interactions, load_simulator
from tasks.step import Summary, step, step_logger
from tasks.steps.fit_ensemble import EnsembleSettings, chosen_kinds

PROFILES = "profiles"
"""Folder of a run with the keywords of other language-model profiles, `<profile>.parquet` each."""

_REVIEWS_PER_ITEM = 20


class AblationSettings(BaseModel):
    """How variants are fitted and compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ensemble: EnsembleSettings = EnsembleSettings()
    encoder: EmbeddingSettings = EmbeddingSettings()
    resamples: int = Field(default=500, gt=0, description="bootstrap samples of users behind each interval")
    seed: int = Field(default=0, ge=0, description="of the samples and of the folds of cross-validation")


class AblationResult(Result):
    """report/ablation.json: every variant, judged on n test pairs; items with fewer train interactions are cold."""

    n: int
    cold_item_below: int
    variants: list[Variant]


@step(version="5", reads=(*SIMULATOR_PARTS, PROFILES), writes=("report/ablation.json",))
def ablate_ensemble(folder: RunFolder, settings: AblationSettings) -> Summary:
    """Fit the stack without each part, on each part alone and on other keywords; publish what that costs."""
    simulator = load_simulator(folder)
    validation, test = (load_interactions(folder, (split,)) for split in ("validation", "test"))
    train, models, logger = simulator.interactions, simulator.models, step_logger()
    item_counts = np.bincount(train.items, minlength=train.n_items)

    def features(of: ResponseModels) -> StackInputs:
        both = (of.opinions_after(train, pairs, simulator.max_history).features for pairs in (validation, test))
        return StackInputs(*both)

    ablation = Ablation(
        AblationPairs(validation, test, item_counts[test.items] < COLD_ITEM),
        features(models),
        choices=settings.ensemble.choices(),
        n_resamples=settings.resamples,
        seed=settings.seed,
    )

    def knowing(knowledge: ItemKnowledge) -> StackInputs:
        neutral = neutral_values(
            knowledge, train, simulator.max_history, settings.ensemble.seed, settings.ensemble.neutral_pairs
        )
        kinds = chosen_kinds(models.sasrec.statistics, train, validation, knowledge, settings.ensemble)
        logical = KeywordMatching(knowledge), Similarity(knowledge, neutral)
        return features(replace(models, keyword_matching=logical[0], similarity=logical[1], kinds=kinds))

    variants = {}
    for name, knowledge in knowledge_variants(folder, simulator.knowledge, SentenceEncoder(settings.encoder)).items():
        logger.info("%s: features", name)
        variants[name] = knowing(knowledge)
    rows = ablate(ablation, knowing(_no_keywords(simulator.knowledge)), variants)
    result = AblationResult(n=len(test), cold_item_below=COLD_ITEM, variants=rows)
    publish_json(folder.path("report/ablation.json"), result.model_dump(mode="json"))
    return {row.variant: row.auc_lost for row in rows}


def knowledge_variants(folder: RunFolder, full: ItemKnowledge, encode: Encode) -> Mapping[str, ItemKnowledge]:
    """Variants by name, in the order in which a table shows them.

    Parameters
    ----------
    folder
        A run with keywords and embeddings.
    full
        Its knowledge as the simulator has it.
    encode
        The sentence encoder, for words that have no vector yet.
    """
    sources = read_table(folder.path("keywords.parquet"), KEYWORDS, ["item_id", "side", "keyword", "source"])
    variants = {}
    for source in ("objective", "subjective"):
        kept = sources.filter(pl.col("source").is_in([source, "both"]))
        if 0 < kept.height < sources.height:
            variants[f"{source} keywords only"] = _only(full, kept)
    for path in sorted(folder.path(PROFILES).glob("*.parquet")):
        of_profile = read_table(path, KEYWORDS, ["item_id", "side", "keyword", "source"])
        if of_profile.height:
            variants[f"keywords of {path.stem}"] = _of_profile(full, of_profile, encode)
    no_restriction = csr_array(np.ones((full.n_items, 1), dtype=np.float32))
    variants["no restriction to the category"] = replace(full, categories=no_restriction, category_names=("all",))
    if full.category_names:
        both = full.categories, full.categories
        variants["categories instead of keywords"] = _of_sets(
            full, full.category_names, both, encode(full.category_names)
        )
    variants["TF-IDF words instead of keywords"] = _of_words(folder, full, encode)
    return variants


def _no_keywords(full: ItemKnowledge) -> ItemKnowledge:
    """Categories alone."""
    nothing = csr_array((full.n_items, 0), dtype=np.float32)
    return _of_sets(full, (), (nothing, nothing), np.zeros((0, full.keyword_vectors.shape[1]), dtype=np.float32))


def _only(full: ItemKnowledge, kept: pl.DataFrame) -> ItemKnowledge:
    """Those keywords alone, with the vectors that they have."""
    return _of_sets(full, full.keywords, _sides(kept, full.keywords, full.n_items), full.keyword_vectors)


def _of_profile(full: ItemKnowledge, keywords: pl.DataFrame, encode: Encode) -> ItemKnowledge:
    """Keywords of another language model."""
    names = tuple(keywords["keyword"].unique().sort().to_list())
    vectors = encode(names)
    sets = _sides(keywords, names, full.n_items)
    return _of_sets(full, names, sets, vectors)


def _sides(keywords: pl.DataFrame, names: Sequence[str], n_items: int) -> tuple[csr_array, csr_array]:
    """Which of the names are pros, and cons, of each item: sparse (n_items, v) each."""
    rows = keywords.join(pl.DataFrame({"keyword": names, "column": np.arange(len(names))}), on="keyword")
    sets = []
    for side in ("pro", "con"):
        of_side = rows.filter(pl.col("side") == side)
        places = (of_side["item_id"].to_numpy(), of_side["column"].to_numpy())
        sets.append(csr_array((np.ones(of_side.height, dtype=np.float32), places), shape=(n_items, len(names))))
    return sets[0], sets[1]


def _of_words(folder: RunFolder, full: ItemKnowledge, encode: Encode) -> ItemKnowledge:
    """TF-IDF words of an item's facts and of the reviews of those who liked it (disliked it), train rows only."""
    items = read_table(folder.path("items.parquet"), ITEMS)
    facts = items.select("item_id", text=pl.Series(item_texts(items)))
    train = pl.col("review_text").is_not_null() & (pl.col("split") == "train")
    reviews = read_table(
        folder.path("interactions.parquet"), INTERACTIONS, ["item_id", "like", "review_text", "split"], rows=train
    )
    sides = []
    for like in (True, False):
        of_side = (
            reviews.filter(pl.col("like") == like)
            .group_by("item_id")
            .agg(pl.col("review_text").head(_REVIEWS_PER_ITEM))
        )
        joined = of_side.select("item_id", reviews=pl.col("review_text").list.join(" "))
        texts = facts.join(joined, on="item_id", how="left").sort("item_id")
        sides.append(tfidf_words((texts["text"] + " " + texts["reviews"].fill_null("")).to_list()))
    (pro, pro_words), (con, con_words) = sides
    words = tuple(sorted({*pro_words, *con_words}))
    position = {word: column for column, word in enumerate(words)}
    sets = tuple(_renamed(matrix, names, position) for matrix, names in ((pro, pro_words), (con, con_words)))
    vectors = encode(words)
    return _of_sets(full, words, (sets[0], sets[1]), vectors)


def _renamed(matrix: csr_array, names: tuple[str, ...], position: Mapping[str, int]) -> csr_array:
    """The same sets over a larger vocabulary."""
    of_name = np.array([position[name] for name in names], dtype=np.int64)
    entries = matrix.tocoo()
    rows, columns = entries.coords
    return csr_array((entries.data, (rows, of_name[columns])), shape=(matrix.indptr.size - 1, len(position)))


def _of_sets(
    full: ItemKnowledge, keywords: tuple[str, ...], sets: tuple[csr_array, csr_array], vectors: NDArray[np.float32]
) -> ItemKnowledge:
    """Knowledge from keyword sets (n_items, v) of pros and cons and the keywords' vectors (v, d)."""
    pro, con = (item_vectors(side, vectors) for side in sets)
    return replace(
        full,
        keywords=keywords,
        keyword_vectors=vectors,
        pro=sets[0],
        con=sets[1],
        pro_vectors=pro,
        con_vectors=con,
    )
