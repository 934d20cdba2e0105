"""Step `ablate`: what each part of the ensemble is worth, the language model's keywords above all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from models.fidelity.ablation import Ablation, Features, ablate
from models.fidelity.subgroups import COLD_ITEM
from models.keywords.embeddings import EmbeddingSettings, SentenceEncoder
from models.response.features import ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.similarity import Similarity, neutral_values
from storage.files import publish_json
from storage.run_folder import RunFolder
from tasks.evaluation.knowledge_variants import PROFILES, knowledge_variants
from tasks.loading import SIMULATOR_PARTS, load_interactions, load_simulator
from tasks.step import Summary, step, step_logger
from tasks.steps.fit_ensemble import EnsembleSettings


class AblationSettings(BaseModel):
    """How variants are fitted and compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ensemble: EnsembleSettings = EnsembleSettings()
    encoder: EmbeddingSettings = EmbeddingSettings()
    resamples: int = Field(default=500, gt=0, description="bootstrap samples of users behind each interval")
    seed: int = Field(default=0, ge=0, description="of the samples and of the folds of cross-validation")


@step(version="3", reads=(*SIMULATOR_PARTS, PROFILES), writes=("report/ablation.json",))
def ablate_ensemble(folder: RunFolder, settings: AblationSettings) -> Summary:
    """Fit the stack without each part, on each part alone and on other keywords; publish what that costs."""
    simulator = load_simulator(folder)
    validation, test = (load_interactions(folder, (split,)) for split in ("validation", "test"))
    train, models, logger = simulator.interactions, simulator.models, step_logger()
    of_items = np.bincount(train.items, minlength=train.n_items)

    def features(of: ResponseModels) -> Features:
        found = (of.opinions_after(train, pairs, simulator.max_history).features for pairs in (validation, test))
        return Features(*found)

    ablation = Ablation(
        validation,
        test,
        features(models),
        of_items[test.items] < COLD_ITEM,
        choices=settings.ensemble.choices(),
        n_resamples=settings.resamples,
        seed=settings.seed,
    )
    variants = {}
    for name, knowledge in knowledge_variants(folder, simulator.knowledge, SentenceEncoder(settings.encoder)).items():
        logger.info("%s: features", name)
        neutral = neutral_values(
            knowledge, train, simulator.max_history, settings.ensemble.seed, settings.ensemble.neutral_pairs
        )
        other = replace(models, keyword_matching=KeywordMatching(knowledge), similarity=Similarity(knowledge, neutral))
        variants[name] = features(other)
    rows = ablate(ablation, variants)
    publish_json(folder.path("report/ablation.json"), {"n": len(test), "cold_item_below": COLD_ITEM, "variants": rows})
    return {row["variant"]: row["auc_lost"] for row in rows}
