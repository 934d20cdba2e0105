"""Step `fit-ensemble`: the stack of all models and the vote tables from validation rows, and what they need besides.

Bias model, rating factors, EASE and kinds of users are fitted on train rows, the words of items taken from their names
and facts.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from models.estimators.baselines import Bias
from models.estimators.ease import EASESettings, signed_reactions
from models.estimators.kind_mixtures import KindSettings
from models.estimators.logistic import LogisticModel
from models.estimators.rating_factors import FactorSettings, RatingFactors
from models.estimators.reaction_statistics import ReactionStatistics
from models.estimators.recent_categories import CategoryRecency, RecentCategories
from models.estimators.user_kinds import UserKinds
from models.estimators.word_taste import WordTaste
from models.fidelity.card import vote_tables
from models.interactions import Interactions
from models.keywords.tfidf import tfidf_words
from models.knowledge import ItemKnowledge
from models.metrics.classification import log_losses
from models.response.exposure import Selection, drawn_choices, predicted, selection_slope
from models.response.features import FEATURE_NAMES, ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.similarity import Similarity, neutral_values
from models.response.stacking import PenaltyChoices, fit_stack
from storage.checkpoints import save_arrays
from storage.contracts import ITEM_WORDS, ITEMS, polars_schema
from storage.files import publish, publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table, write_table
from tasks.loading import (
    PARTS_BEFORE_ENSEMBLE,
    EnsembleCheckpoint,
    item_texts,
    load_interactions,
    load_knowledge,
    load_sasrec,
    new_ease,
    word_sets,
)
from tasks.step import Summary, step


class EnsembleSettings(BaseModel):
    """How the parts that stand around SASRec are fitted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_history: int = Field(default=500, gt=0, description="last interactions that any model looks at")
    user_penalty: float = Field(default=0.5, ge=0, description="L2 penalty of the bias model's user effects")
    item_penalty: float = Field(default=0.75, ge=0, description="L2 penalty of the bias model's item effects")
    factors: FactorSettings = FactorSettings()
    ease: EASESettings = EASESettings()
    kinds: KindSettings = KindSettings()
    penalties: tuple[float, ...] = Field(
        default=(10.0, 30.0, 100.0, 300.0, 1000.0, 10_000.0),
        min_length=1,
        description="L2 penalties of the stack's departure from its prior; cross-validation takes one",
    )
    stiffnesses: tuple[float, ...] = Field(
        default=(1.0, 30.0, 10_000.0),
        min_length=1,
        description="how many times that penalty a part in doubt may get; cross-validation takes one for each",
    )
    neutral_pairs: int = Field(default=10_000, gt=0, description="training pairs that neutral similarities rest on")
    foresight: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of what the prediction misses that users foresee when they choose what to rate; ratings "
        "cannot tell it",
    )
    selection_pairs: int = Field(
        default=3000, gt=0, description="training pairs that tell how users choose what they rate"
    )
    seed: int = Field(default=0, ge=0, description="chooses those pairs and the folds of cross-validation")

    def choices(self) -> PenaltyChoices:
        """What cross-validation chooses from."""
        return PenaltyChoices(self.penalties, self.stiffnesses)


@step(
    version="13",
    reads=PARTS_BEFORE_ENSEMBLE,
    writes=("ensemble",),
)
def fit_ensemble(folder: RunFolder, settings: EnsembleSettings) -> Summary:
    """Fit and publish; SASRec and the keywords are taken as they are."""
    knowledge = load_knowledge(folder)
    train, validation = load_interactions(folder, ("train",)), load_interactions(folder, ("validation",))
    bias = Bias(settings.user_penalty, settings.item_penalty).fit(train)
    neutral = neutral_values(knowledge, train, settings.max_history, settings.seed, settings.neutral_pairs)
    sasrec = load_sasrec(folder, knowledge.categories)
    factors = RatingFactors(train.n_items, settings.factors).fit(train, sasrec.statistics.training_surprises(train))
    ease = new_ease(train, settings.ease).fit(signed_reactions(train))
    words = _words(read_table(folder.path("items.parquet"), ITEMS))
    logical = KeywordMatching(knowledge), Similarity(knowledge, neutral)
    taste, recency = (
        WordTaste(word_sets(words, train.n_items)),
        CategoryRecency(RecentCategories(logical[0].categories)),
    )
    recency.fit(train, sasrec.statistics.training_logits(train))
    kinds = chosen_kinds(sasrec.statistics, train, validation, knowledge, settings)
    models = ResponseModels(*logical, sasrec, bias, factors, taste, ease, recency, kinds)
    opinions = models.opinions_after(train, validation, settings.max_history)
    ensemble, chosen = fit_stack(FEATURE_NAMES, opinions.features, validation, settings.choices(), settings.seed)
    selection = _selection(models, ensemble, train, settings)
    checkpoint = EnsembleCheckpoint(
        ensemble=ensemble,
        selection=selection,
        vote_tables=vote_tables(opinions, validation.likes),
        factors=settings.factors,
        ease=settings.ease,
        mixtures=(len(kinds.shares), kinds.shares.shape[1]),
        neutral=neutral,
        recency=recency.weight,
        max_history=settings.max_history,
    )
    with publish(folder.path("ensemble")) as target:
        target.mkdir()
        save_arrays(target / "arrays.safetensors", bias.arrays())
        save_arrays(target / "factors.safetensors", {"items": factors.items})
        save_arrays(target / "ease.safetensors", {"weights": ease.weights})
        save_arrays(target / "kinds.safetensors", kinds.arrays())
        write_table(target / "words.parquet", words, ITEM_WORDS)
        publish_json(target / "model.json", checkpoint.model_dump(mode="json"))
    weights = dict(zip(ensemble.names, ensemble.coefficients, strict=True))
    return {
        "validation_pairs": len(validation),
        "penalty": chosen.penalty,
        "stiffness": {**chosen.stiffness},
        "selection": selection.shift,
        "recency": recency.weight,
        "kinds": kinds.shares.shape[1],
        "weights": {**weights},
    }


def chosen_kinds(
    statistics: ReactionStatistics,
    train: Interactions,
    validation: Interactions,
    knowledge: ItemKnowledge,
    settings: EnsembleSettings,
) -> UserKinds:
    """Kinds of users, as many as predict validation rows best beside the statistics."""
    surprises = statistics.training_surprises(train)
    fitted = [UserKinds.fit(train, surprises, knowledge, n, settings.kinds) for n in settings.kinds.kinds]

    def loss(kinds: UserKinds) -> float:
        parts = []
        for rows, histories in train.histories_by_parts(validation.users, settings.max_history):
            items = validation.items[rows]
            match = kinds.matches(items, histories, statistics.surprises(histories))
            parts.append(np.stack([statistics.logits(items, histories), match], axis=1))
        features = np.concatenate(parts)
        model = LogisticModel.fit(("statistics_logit", "user_kinds"), features, validation.likes)
        return float(log_losses(validation.likes, model.probabilities(features)).mean())

    return min(fitted, key=loss) if len(fitted) > 1 else fitted[0]


def _selection(
    models: ResponseModels, ensemble: LogisticModel, train: Interactions, settings: EnsembleSettings
) -> Selection:
    """How users choose what they rate."""
    choices = drawn_choices(train, settings.selection_pairs, settings.seed)
    logits = predicted(models, ensemble, train, choices, settings.max_history)
    return Selection(selection_slope(choices, logits), settings.foresight)


def _words(items: pl.DataFrame) -> pl.DataFrame:
    """The words of every item: a table `ITEM_WORDS`."""
    sets, names = tfidf_words(item_texts(items))
    of_items, columns = sets.tocoo().coords
    words = np.array(names, dtype=str)[columns]
    return pl.DataFrame({"item_id": of_items, "word": words}, schema=polars_schema(ITEM_WORDS))
