"""Tables of the fidelity card that `recaudience evaluate` adds where it is told to: peers, training gain."""

from __future__ import annotations

from models.fidelity.training_gain import BOTH, ITEM_MEANS, SIMULATED, TRAIN, Quality, TrainingGain
from tasks.evaluation.peers import OURS, PEERS, Peers
from tasks.report.card_cells import number, signed
from tasks.report.tables import Rows, label

_FITTED_ON = {
    TRAIN: "train rows",
    BOTH: "train rows and simulated",
    SIMULATED: "simulated alone",
    ITEM_MEANS: "train rows and drawn from item means",
}


def peers_table(table: Peers) -> tuple[str, Rows]:
    """Title and rows: peers first, then the run's own rows, of the same pairs."""
    header = ["Simulated user", "AUC", "AUC over ensemble", "ECE", "ECE if calibrated", "Answers/s"]
    rows = [
        [
            label(name),
            number(row.auc, row.auc_ci95),
            signed(row.over_ensemble, row.over_ensemble_ci95) if name != "ensemble" else "–",
            number(row.ece),
            number(row.ece_if_calibrated),
            "–" if row.answers_per_second is None else f"{row.answers_per_second:,.3g}",
            f"{row.tokens_per_thousand:,.0f}",
            str(row.unreadable),
        ]
        for name, row in ((name, table.rows[name]) for name in (*PEERS, *OURS))
    ]
    title = f"Peers, on {table.pairs:,} of {table.test_pairs:,} test pairs, language model {table.model}"
    return title, [[*header, "Tokens per 1,000 answers", "Unreadable"], *rows]


def training_gain_table(gain: TrainingGain) -> tuple[str, Rows]:
    """Title and rows: every recommender, fitted on every set of rows."""
    measures = [f"{name}{less}" for name in ("AUC", "NDCG") for less in ("", " over train rows", " over item means")]
    header = ["Recommender", "Fitted on", "Rows", "Like rate", *measures]
    rows = [
        [
            label(name),
            fitted_on,
            f"{fitted.interactions:,.0f}",
            number(fitted.like_rate),
            *_quality(fitted.auc, rows_of),
            *_quality(fitted.ndcg, rows_of),
        ]
        for name, sets in gain.recommenders.items()
        for rows_of, fitted_on in _FITTED_ON.items()
        for fitted in (sets[rows_of],)
    ]
    return f"Training gain, on the test lists of {gain.users:,} users, {gain.pairs:,} pairs", [header, *rows]


def _quality(quality: Quality, rows_of: str) -> list[str]:
    """Its value and differences, none to itself."""
    over = {TRAIN: quality.over_train, ITEM_MEANS: quality.over_item_means}
    differences = ["–" if against == rows_of else signed(by.mean, by.ci95) for against, by in over.items()]
    return [number(quality.value.mean, quality.value.ci95), *differences]
