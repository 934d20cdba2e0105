"""Step `ablate-ensemble`: what each part of the ensemble is worth, the language model's keywords above all.

The stack is fitted without each part, on each part alone, and on other knowledge of the same items: some of the
keywords only, those of other language-model profiles, or words that took no language model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from models.fidelity.ablation import Ablation, AblationPairs, StackInputs, Variant, ablate
from models.fidelity.subgroups import COLD_ITEM
from models.interactions import Interactions
from models.keywords.embeddings import EmbeddingSettings, SentenceEncoder
from models.knowledge import ItemKnowledge
from models.metrics.results import Result
from models.response.features import ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.similarity import Similarity, neutral_values
from models.simulation.simulator import UserSimulator
from storage.files import publish_json
from storage.run_folder import RunFolder
from tasks.evaluation.knowledge_variants import PROFILES, knowledge_variants, no_keywords
from tasks.loading import SIMULATOR_PARTS, load_interactions, load_simulator
from tasks.step import Summary, step, step_logger
from tasks.steps.fit_ensemble import EnsembleSettings, chosen_kinds


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


@dataclass(frozen=True)
class Refit:
    """The models of a run, fitted again on other knowledge of its items.

    Parameters
    ----------
    simulator
        Of the run.
    validation, test
        Interactions.
    settings
        How to fit.
    """

    simulator: UserSimulator
    validation: Interactions
    test: Interactions
    settings: EnsembleSettings

    @classmethod
    def of(cls, folder: RunFolder, settings: EnsembleSettings) -> Refit:
        """That of a run."""
        simulator = load_simulator(folder)
        return cls(
            simulator, load_interactions(folder, ("validation",)), load_interactions(folder, ("test",)), settings
        )

    @cached_property
    def pairs(self) -> AblationPairs:
        """Pairs to fit on and to be judged by."""
        counts = np.bincount(self.simulator.interactions.items, minlength=self.simulator.n_items)
        return AblationPairs(self.validation, self.test, counts[self.test.items] < COLD_ITEM)

    def features(self, models: ResponseModels) -> StackInputs:
        """What models say of the pairs."""
        train, longest = self.simulator.interactions, self.simulator.max_history
        both = (models.opinions_after(train, pairs, longest).features for pairs in (self.validation, self.test))
        return StackInputs(*both)

    def knowing(self, knowledge: ItemKnowledge) -> StackInputs:
        """What the models say where they know items otherwise."""
        simulator, settings = self.simulator, self.settings
        train, models = simulator.interactions, simulator.models
        neutral = neutral_values(knowledge, train, simulator.max_history, settings.seed, settings.neutral_pairs)
        kinds = chosen_kinds(models.sasrec.statistics, train, self.validation, knowledge, settings)
        logical = KeywordMatching(knowledge), Similarity(knowledge, neutral)
        return self.features(replace(models, keyword_matching=logical[0], similarity=logical[1], kinds=kinds))


@step(version="6", reads=(*SIMULATOR_PARTS, PROFILES), writes=("report/ablation.json",))
def ablate_ensemble(folder: RunFolder, settings: AblationSettings) -> Summary:
    """Fit the stack without each part, on each part alone and on other keywords; publish what that costs."""
    refit, logger = Refit.of(folder, settings.ensemble), step_logger()
    models, full = refit.simulator.models, refit.simulator.knowledge
    ablation = Ablation(
        refit.pairs,
        refit.features(models),
        choices=settings.ensemble.choices(),
        n_resamples=settings.resamples,
        seed=settings.seed,
    )
    variants = {}
    for name, knowledge in knowledge_variants(folder, full, SentenceEncoder(settings.encoder)).items():
        logger.info("%s: features", name)
        variants[name] = refit.knowing(knowledge)
    rows = ablate(ablation, refit.knowing(no_keywords(full)), variants)
    result = AblationResult(n=len(refit.test), cold_item_below=COLD_ITEM, variants=rows)
    publish_json(folder.path("report/ablation.json"), result.model_dump(mode="json"))
    return {row.variant: row.auc_lost for row in rows}
