"""Step `evaluate-behaviour`: the parts of the fidelity card beyond single reactions.

Cold and warm parts of the test pairs, liked against unseen items, choice from a list, the match of distributions and of
sessions, whether recommenders come out in the order in which real users put them, and a check for leaks: whether
anything of held-out reviews reached the prompts or the keywords. Tests plant marker words in held-out reviews
(tests/tasks/steps/test_leaks.py); here the words that stand in held-out reviews and nowhere else are the markers.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.estimators.baselines import ItemMean
from models.estimators.recommenders import FAMILIES, INDEPENDENT, recommenders, scores_of
from models.fidelity.biases import BiasCheck, bias_checks
from models.fidelity.discrimination import Discrimination, Judge, discrimination
from models.fidelity.distributions import DistributionMatch, distribution_match
from models.fidelity.ranking import ListChoice, list_choice
from models.fidelity.ranking_agreement import RankingAgreement, ranking_agreement
from models.fidelity.replayed_sessions import SessionMatch, session_match
from models.fidelity.subgroups import SubgroupFidelity, subgroup_fidelity
from models.interactions import Interactions
from models.metrics.results import Result
from models.response.sasrec.network import SASRec
from models.simulation.simulator import UserSimulator, coins
from storage.contracts import ANNOTATIONS, INTERACTIONS, ITEMS, VOCABULARY
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.evaluation.fidelity import PREDICTIONS, read_predictions
from tasks.loading import SIMULATOR_PARTS, load_interactions, load_sasrec, load_simulator
from tasks.step import Summary, step, step_logger

_SHOWN = (
    "item_mean",
    "bias",
    "matrix_factorisation",
    "sasrec_paper",
    "gradient_boosting",
    "sasrec",
    "vote",
    "ensemble",
)
_WORD = r"[\p{L}\p{N}]+"


class BehaviourSettings(BaseModel):
    """How samples are drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resamples: int = Field(default=500, gt=0, description="bootstrap samples of users behind each interval")
    seed: int = Field(default=0, ge=0, description="of samples, draws, unseen items and noise")


class LeakCheck(Result):
    """Counts of one run.

    Parameters
    ----------
    review_prompts, from_held_out
        Prompts that showed a review, and those whose review is not one of a train row: 0 unless something leaks.
    markers, markers_in_keywords
        Words of held-out reviews that no train review, item fact or name has, and those that a keyword contains.
    """

    review_prompts: int
    from_held_out: int
    markers: int
    markers_in_keywords: int


class Behaviour(Result):
    """report/behaviour.json: what is measured of n test pairs beyond single reactions; None where it cannot be."""

    n: int
    parts: list[SubgroupFidelity]
    discrimination: list[Discrimination]
    choice: list[ListChoice]
    distributions: DistributionMatch
    sessions: list[SessionMatch]
    ranking_agreement: RankingAgreement | None
    biases: list[BiasCheck]
    leaks: LeakCheck | None


@step(
    version="6",
    reads=(*SIMULATOR_PARTS, PREDICTIONS, "annotations.parquet"),
    writes=("report/behaviour.json",),
)
def evaluate_behaviour(folder: RunFolder, settings: BehaviourSettings) -> Summary:
    """Publish report/behaviour.json."""
    simulator, test = load_simulator(folder), load_interactions(folder, ("test",))
    train, held_out = simulator.interactions, load_interactions(folder, ("validation", "test"))
    knowledge, seed, logger = simulator.knowledge, settings.seed, step_logger()
    published = load_sasrec(folder, knowledge.categories, published=True)
    predictions = read_predictions(folder, test)
    predictions = {name: predictions[name] for name in _SHOWN if name in predictions}
    scores = {name: prediction.scores for name, prediction in predictions.items()}
    probabilities = {name: prediction.probabilities for name, prediction in predictions.items()}
    logger.info("discrimination of liked from unseen items")
    met = load_interactions(folder, ("train", "validation"))
    discriminated = discrimination(test, met, _judges(simulator, published, seed), seed)
    logger.info("agreement with the real order of recommenders")
    ranked = _ranked(simulator, published, test, settings)
    logger.info("sessions replayed")
    sessions = [row for mode in ("draw", "vote") if (row := session_match(simulator, held_out, mode, seed)) is not None]
    counts = np.bincount(train.items, minlength=train.n_items)
    behaviour = Behaviour(
        n=len(test),
        parts=subgroup_fidelity(train, test, knowledge, predictions, seed),
        discrimination=discriminated,
        choice=list_choice(test, scores, settings.resamples, seed),
        distributions=distribution_match(test, probabilities, knowledge.categories, counts, seed),
        sessions=sessions,
        ranking_agreement=ranked,
        biases=bias_checks(test, probabilities, counts, settings.resamples, seed),
        leaks=leak_check(folder),
    )
    publish_json(folder.path("report/behaviour.json"), behaviour.model_dump(mode="json"))
    agreed = {name: by.judges["ensemble"].kendall_tau for name, by in ranked.measures.items()} if ranked else {}
    alone = ranked.measures["auc"].judges["ensemble"].without.get(INDEPENDENT) if ranked else None
    return {
        "test_pairs": len(test),
        "kendall_tau": {**agreed},
        "independent_tau": None if alone is None else alone.kendall_tau,
    }


def _ranked(
    simulator: UserSimulator, published: SASRec, test: Interactions, settings: BehaviourSettings
) -> RankingAgreement | None:
    """Recommenders judged on test pairs by real likes, by the simulator and by simple models.

    Validation pairs are left out: the models that judge were chosen by them.
    """
    users, items = test.users, test.items
    judges = _judges(simulator, published, settings.seed)
    gains = {name: judges[name](users, items) for name in ("item_mean", "bias", "vote", "ensemble")}
    rankers = recommenders(simulator.interactions, judges["sasrec_paper"], settings.seed)
    scores, draws = scores_of(rankers, users, items), settings.resamples
    return ranking_agreement(test, scores, gains, FAMILIES, n_resamples=draws, seed=settings.seed)


def _judges(simulator: UserSimulator, published: SASRec, seed: int) -> dict[str, Judge]:
    """P(like) of any pairs, given the training histories; a vote is 0 or 1."""
    train = simulator.interactions

    def of_histories(users: NDArray[np.int64], items: NDArray[np.int64], name: str) -> NDArray[np.float32]:
        parts, rng = [], np.random.default_rng(seed)
        for rows, histories in train.histories_by_parts(users, simulator.max_history):
            if name == "sasrec_paper":
                parts.append(published.probabilities(items[rows], histories))
                continue
            responses = simulator.respond(users[rows], items[rows], histories, coins(rng, len(histories)))
            parts.append(responses.rated_probability if name == "ensemble" else responses.vote.astype(np.float32))
        return np.concatenate(parts)

    def judge(name: str) -> Judge:
        return lambda users, items: of_histories(users, items, name)

    return {
        "item_mean": ItemMean().fit(train).probabilities,
        "bias": simulator.models.bias.probabilities,
        **{name: judge(name) for name in ("sasrec_paper", "vote", "ensemble")},
    }


def leak_check(folder: RunFolder) -> LeakCheck | None:
    """Look for held-out reviews among prompts and for their words among keywords; None where nothing was annotated."""
    if not folder.path("annotations.parquet").exists():
        return None
    pair = ["user_id", "item_id"]
    prompts = read_table(folder.path("annotations.parquet"), ANNOTATIONS, [*pair, "kind"]).filter(kind="subjective")
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS, [*pair, "split", "review_text"])
    train, held_out = rows.filter(split="train"), rows.filter(pl.col("split") != "train")
    facts = read_table(folder.path("items.parquet"), ITEMS).select(
        text=pl.concat_str("name", pl.col("categories").list.join(" "), "attributes", "description", separator=" ")
    )
    allowed = pl.concat([_words(train["review_text"]), _words(facts["text"])])
    markers = _words(held_out["review_text"]).filter(~pl.col("word").is_in(allowed["word"].implode()))
    vocabulary = read_table(folder.path("vocabulary.parquet"), VOCABULARY)
    of_keywords = pl.concat([_words(vocabulary["keyword"]), _words(vocabulary["members"].explode())])
    return LeakCheck(
        review_prompts=prompts.height,
        from_held_out=prompts.join(train, on=pair, how="anti").height,
        markers=markers.height,
        markers_in_keywords=markers.join(of_keywords, on="word", how="semi").height,
    )


def _words(texts: pl.Series) -> pl.DataFrame:
    """Distinct words, in lower case."""
    return (
        texts.drop_nulls()
        .cast(pl.String)
        .str.to_lowercase()
        .str.extract_all(_WORD)
        .explode()
        .drop_nulls()
        .unique()
        .to_frame("word")
    )
