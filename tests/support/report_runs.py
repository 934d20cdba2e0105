"""A small run folder with every artefact that the report reads; its texts try to break out of the page."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from models.agents.policies import PopularityPolicy
from models.metrics.intervals import Estimate
from models.policy_evaluation.case_study import CaseStudyPlan, play_case_study
from models.policy_evaluation.comparison import PolicyScores, Reinforcement
from models.policy_evaluation.judgement import Agreement, Judgement, JudgeName, Praise
from models.simulation.settings import EnvironmentSettings
from storage.contracts import ANNOTATIONS, ITEMS, KEYWORDS, REJECTED_KEYWORDS, VOCABULARY, polars_schema
from storage.files import publish_json
from storage.run_folder import RunFolder
from storage.tables import write_table
from tests.support.worlds import tiny_world

ATTACK = "<script>alert('review')</script>"
MODELS = ("global_rate", "bias", "sasrec", "vote", "ensemble", "best_possible")
POLICIES = ("random", "popularity", "ppo", "greedy")


def finished_run(root: Path, name: str = "tiny") -> RunFolder:
    """A run with all parts."""
    folder = RunFolder(root / name)
    _tables(folder)
    publish_json(folder.path("ingest.json"), _ingest())
    publish_json(
        folder.path("sasrec/training.json"), {"epochs": [_epoch(0.6, 0.61), _epoch(0.5, 0.72), _epoch(0.4, 0.7)]}
    )
    publish_json(folder.path("report/fidelity.json"), fidelity())
    publish_json(folder.path("report/reinforcement.json"), reinforcement().model_dump(mode="json", exclude_none=True))
    publish_json(folder.path("report/provenance.json"), _provenance())
    plan = CaseStudyPlan(3, ATTACK, 3, 1, EnvironmentSettings())
    study = play_case_study(tiny_world(1), PopularityPolicy(), "popularity", plan).to_json()
    publish_json(folder.path("report/case_study.json"), study)
    return folder


def fidelity() -> dict[str, object]:
    """fidelity.json of a generated world in which SASRec and bias cannot be told apart."""
    rows = {
        name: {
            "auc": 0.5 + 0.06 * place,
            "auc_ci95": [0.48 + 0.06 * place, 0.52 + 0.06 * place],
            "log_loss": 0.7 - 0.03 * place,
            "accuracy": 0.6,
            "macro_f1": 0.5,
            "brier": 0.2,
            "ece": 0.02,
            "ece_if_calibrated": 0.015,
            "ece_if_calibrated_ci95": [0.008, 0.025],
            "ece_debiased": 0.011,
        }
        for place, name in enumerate(MODELS)
    }
    losses = {"log_loss_difference": 0.0, "log_loss_ci95": [-0.1, 0.1]}
    bins = [
        {"mean_probability": 0.3, "like_rate": 0.25, "n": 40},
        {"mean_probability": 0.8, "like_rate": 0.85, "n": 60},
    ]
    return {
        "dataset": "tiny",
        "split": "tail",
        "n": 1234,
        "like_rate": 0.625,
        "models": rows,
        "comparisons": [
            {"model": "sasrec", "against": "bias", "auc_difference": 0.01, "ci95": [-0.02, 0.04], **losses},
            {"model": "ensemble", "against": "bias", "auc_difference": -0.03, "ci95": [-0.05, -0.01], **losses},
        ],
        "reliability": dict.fromkeys(MODELS, bins),
        "truth": {
            name: {"auc_below_best": 0.1, "mean_absolute_error": 0.123, "correlation": 0.5} for name in MODELS[:-1]
        },
    }


def reinforcement(judge: JudgeName | None = None, praise: Praise = "open") -> Reinforcement:
    """reinforcement.json; policies come in the order of their rewards, and a judge praises PPO as told."""

    def estimate(mean: float) -> Estimate:
        return Estimate(mean=mean, ci95=(mean - 0.5, mean + 0.5))

    def judgement(name: str, place: int) -> Judgement | None:
        if judge is None:
            return None
        return Judgement(
            value=estimate(9.0 + place),
            over_untrained=None,
            over_item_mean=estimate(place - 1.0),
            snips=estimate(0.5) if judge == "held_out_ratings" else None,
            effective_reactions=50.0 if judge == "held_out_ratings" else None,
            praise=praise if name == "ppo" else None,
        )

    rows = {
        name: PolicyScores(
            average_reward=estimate(10.0 + place),
            total_reward=estimate(1000.0 + place),
            liking_at_10=estimate(0.5),
            coverage=estimate(0.4),
            gini=estimate(0.1),
            novelty=estimate(0.1),
            diversity=estimate(0.1),
            repetition=estimate(0.1),
            over_item_mean=estimate(place - 1.0),
            training_seconds=12.0 if name == "ppo" else 0.0,
            judgement=judgement(name, place),
        )
        for place, name in enumerate(POLICIES)
    }
    correlation = Estimate(mean=0.5, ci95=(0.0, 1.0))
    return Reinforcement(
        dataset="tiny",
        steps=2000,
        seeds=(0, 1),
        episodes=100,
        catalogue=15,
        reward="probability",
        users="all",
        policies=rows,
        comparisons=(),
        judge=judge,
        judged_reactions=500 if judge == "held_out_ratings" else None,
        agreement=Agreement(policies=4, spearman=correlation, kendall=correlation) if judge else None,
        learning_curves={"ppo": ((1000, 9.0), (2000, 11.0))},
    )


def _ingest() -> dict[str, object]:
    part = {"interactions": 5000, "like_rate": 0.7}
    return {
        "rows_read": 10_009,
        "rows_skipped": 1,
        "skipped": [{"file": "ratings.csv", "row": 17, "field": "rating", "reason": ATTACK}],
        "repeated_pairs": 2,
        "users_dropped": 3,
        "interactions_dropped": 6,
        "users": 300,
        "items": 4,
        "interactions": 10_000,
        "items_without_metadata": 0,
        "like_rate": 0.7,
        "with_review": 900,
        "splits": {"train": part, "validation": part, "test": part},
    }


def _provenance() -> dict[str, object]:
    annotate = {"prompts": 4, "from_cache": 1, "asked": 3}
    return {
        "settings": {"llm": {"served_name": "SmallModel", "revision": "r7"}, "sasrec": {"width": 32}},
        "versions": {"torch": "2.13.0"},
        "sources": {"ratings.csv": "ab" * 32},
        "steps": {"annotate": {"seconds": 12.5, "summary": annotate}, "ingest": {"seconds": 1.25, "summary": {}}},
    }


def _epoch(train_loss: float, validation_auc: float) -> dict[str, object]:
    return {"train_loss": train_loss, "validation_auc": validation_auc}


def _tables(folder: RunFolder) -> None:
    names = ["Plain", ATTACK, "Salt & Ember", "No keywords"]
    items = [(row, f"i{row}", name, ["Places"], "", "") for row, name in enumerate(names)]
    annotations = [
        _annotation(0, "objective", "pro", ["warm light", "slow"], None),
        _annotation(0, "objective", "con", [], "answer cut off"),
        _annotation(1, "subjective", "con", ["dim"], None),
        _annotation(2, "subjective", "pro", ["warm light"], None),
    ]
    keywords = [
        (0, "pro", "warm light", "objective", 2, True, "exact", "a warm, low light"),
        (1, "con", "dim", "subjective", 1, True, "exact", ATTACK),
        (2, "pro", "warm light", "subjective", 1, False, "none", ""),
    ]
    for name, rows, contract in (
        ("items", items, ITEMS),
        ("annotations", annotations, ANNOTATIONS),
        ("keywords", keywords, KEYWORDS),
        ("vocabulary", [("warm light", ["warm light"], 2), ("dim", ["dim"], 1)], VOCABULARY),
        ("rejected_keywords", [(0, "pro", "slow", "too_rare")], REJECTED_KEYWORDS),
    ):
        frame = pl.DataFrame(rows, schema=polars_schema(contract), orient="row")
        write_table(folder.path(f"{name}.parquet"), frame, contract)


def _annotation(item: int, kind: str, side: str, keywords: list[str], reason: str | None) -> tuple[object, ...]:
    user = 7 if kind == "subjective" else None
    status = "failed" if reason else "ok"
    response = None if reason else "{}"
    evidence = [""] * len(keywords)
    return (item, kind, side, user, "0" * 64, "SmallModel", response, status, reason, keywords, evidence, 100, 20)
