"""The fidelity card as tables for people: fidelity.json, behaviour.json and ablation.json of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pydantic import TypeAdapter

from models.estimators.recommenders import INDEPENDENT
from models.fidelity.ablation import Variant
from models.fidelity.biases import BiasCheck
from models.fidelity.card import Comparison
from models.fidelity.discrimination import Discrimination
from models.fidelity.distributions import GroupMatch, Stratum
from models.fidelity.ranking import ListChoice
from models.fidelity.ranking_agreement import MeasuredAgreement
from models.fidelity.replayed_sessions import SessionMatch
from models.fidelity.subgroups import SubgroupFidelity
from storage.checkpoints import load_json
from storage.run_folder import RunFolder
from tasks.evaluation.ablation import AblationResult
from tasks.evaluation.behaviour import Behaviour, LeakCheck
from tasks.evaluation.data_size import DataSize, DataSizes
from tasks.evaluation.fidelity import Fidelity
from tasks.evaluation.peers import load_peers
from tasks.evaluation.training_gain import load_training_gain
from tasks.report.card_cells import number, plain, signed
from tasks.report.optional_tables import peers_table, training_gain_table
from tasks.report.tables import Rows, fidelity_table, label

Section = Literal[
    "responses",
    "comparisons",
    "parts",
    "unseen",
    "choice",
    "like_rates",
    "popularity",
    "sessions",
    "recommenders",
    "families",
    "biases",
    "leaks",
    "ablation",
    "data_size",
    "peers",
    "training_gain",
]
_COMPARED = ("bias", "gradient_boosting", "sasrec", "ensemble")


class CardTable(NamedTuple):
    """A table of the card: the section that it stands in, its title, and its rows, header first."""

    section: Section
    title: str
    rows: Rows


def card_tables(folder: RunFolder) -> list[CardTable]:
    """The tables of an evaluated run; what could not be measured is left out.

    Raises
    ------
    DataError
        Where one of fidelity.json, behaviour.json and ablation.json is missing or damaged.
    """
    fidelity = load_json(folder.path("report/fidelity.json"), TypeAdapter(Fidelity))
    behaviour = load_json(folder.path("report/behaviour.json"), TypeAdapter(Behaviour))
    variants = load_json(folder.path("report/ablation.json"), TypeAdapter(AblationResult)).variants
    sizes = folder.path("report/data_size.json")
    sized = load_json(sizes, TypeAdapter(DataSizes)).sizes if sizes.exists() else []
    measures = behaviour.ranking_agreement.measures if behaviour.ranking_agreement else {}
    like_rates = behaviour.distributions
    tables = [
        CardTable("responses", "Response prediction", fidelity_table(fidelity).plain()),
        CardTable("comparisons", "Better than, paired over resampled users", _comparisons(fidelity.comparisons)),
        CardTable("parts", "Parts of the test pairs: AUC", _parts(behaviour.parts)),
        CardTable("unseen", "Liked against unseen items", _discrimination(behaviour.discrimination)),
        CardTable("choice", "Choice from a user's held-out list", _choice(behaviour.choice)),
        CardTable("like_rates", "Like rates of groups, real against simulated", _groups(like_rates.groups)),
        CardTable("popularity", "Like rate by popularity of the item", _strata(like_rates.popularity)),
        CardTable("sessions", "Sessions replayed", _sessions(behaviour.sessions)),
        CardTable("recommenders", "Order of recommenders: Kendall's tau with the real users'", _agreement(measures)),
        CardTable("families", "The same by AUC without families of recommenders", _families(measures)),
        CardTable(
            "biases", "Too positive, too fond of the popular", _biases(behaviour.biases, behaviour.discrimination)
        ),
        CardTable("leaks", "Leaks", _leaks(behaviour.leaks)),
        CardTable("ablation", "What each part is worth", _ablation(variants)),
        CardTable("data_size", "Less to learn from: AUC", _sizes(sized)),
    ]
    if peers := load_peers(folder):
        tables.append(CardTable("peers", *peers_table(peers)))
    if gain := load_training_gain(folder):
        tables.append(CardTable("training_gain", *training_gain_table(gain)))
    return [table for table in tables if len(table.rows) > 1]


def _comparisons(rows: Sequence[Comparison]) -> Rows:
    header = ["Model", "against", "AUC", "Log loss"]
    return [header] + [
        [
            label(row.model),
            label(row.against),
            signed(row.auc_difference, row.ci95),
            signed(row.log_loss_difference, row.log_loss_ci95),
        ]
        for row in rows
    ]


def _parts(parts: Sequence[SubgroupFidelity]) -> Rows:
    names = [name for name in _COMPARED if parts and name in parts[0].models]
    header = ["Part", "Pairs", "Like rate", *map(label, names), "Ensemble over bias"]
    return [header] + [
        [
            part.part,
            f"{part.n:,}",
            number(part.like_rate),
            *(number(part.models[name].auc) for name in names),
            signed(part.models["ensemble"].auc_over_bias, part.models["ensemble"].auc_over_bias_ci95),
        ]
        for part in parts
    ]


def _discrimination(rows: Sequence[Discrimination]) -> Rows:
    header = ["Model", "Liked : unseen", "AUC", "Accuracy", "Precision", "Recall", "F1"]
    return [header] + [
        [
            label(row.model),
            f"1 : {row.ratio}",
            number(row.auc, row.auc_ci95),
            *map(number, (row.accuracy, row.precision, row.recall, row.f1)),
        ]
        for row in rows
    ]


def _choice(rows: Sequence[ListChoice]) -> Rows:
    header = ["Model", "Users", "First is liked", "By chance", "Pairs in order"]
    return [header] + [
        [
            label(row.model),
            f"{row.users:,}",
            number(row.first_liked, row.first_liked_ci95),
            number(row.by_chance),
            number(row.pairs_right),
        ]
        for row in rows
    ]


def _groups(rows: Sequence[GroupMatch]) -> Rows:
    header = ["Grouping", "Model", "Groups", "KS", "Jensen-Shannon", "Correlation", "Mean abs. error"]
    return [header] + [
        [
            row.grouping,
            label(row.model),
            f"{row.groups:,}",
            *map(number, (row.ks, row.jensen_shannon, row.correlation, row.mean_absolute_error)),
        ]
        for row in rows
        if row.model in (*_COMPARED, "vote")
    ]


def _strata(rows: Sequence[Stratum]) -> Rows:
    names = [name for name in (*_COMPARED, "vote") if rows and name in rows[0].simulated]
    return [["Train interactions of the item", "Pairs", "Real", *map(label, names)]] + [
        [
            f"{row.mean_train_count:.1f}",
            f"{row.n:,}",
            number(row.real),
            *(number(row.simulated[name]) for name in names),
        ]
        for row in rows
    ]


def _sessions(rows: Sequence[SessionMatch]) -> Rows:
    """One column a mode: the figures are many and the modes two."""
    if not rows:
        return [["Figure"]]
    figures = [name for name in SessionMatch.model_fields if name != "mode"]
    return [["Figure", *(f"by {row.mode}" for row in rows)]] + [
        [name.replace("_", " "), *(plain(getattr(row, name)) for row in rows)] for name in figures
    ]


def _agreement(measures: Mapping[str, MeasuredAgreement]) -> Rows:
    header = [
        "Judge",
        "Measure",
        "Independent tau",
        "Tau",
        "Spearman",
        "Tau of pairs told apart",
        "Pairs told apart",
        "Two halves of the real users",
    ]
    return [header] + [
        [
            label(name),
            measure.replace("auc", "AUC").replace("ndcg", "NDCG"),
            "–" if (own := judge.without.get(INDEPENDENT)) is None else number(own.kendall_tau, own.ci95),
            number(judge.kendall_tau, judge.ci95),
            number(judge.spearman),
            "–" if judge.told_apart_tau is None else number(judge.told_apart_tau),
            f"{agreed.told_apart} of {agreed.pairs}",
            number(agreed.split_half_tau),
        ]
        for measure, agreed in measures.items()
        for name, judge in agreed.judges.items()
    ]


def _families(measures: Mapping[str, MeasuredAgreement]) -> Rows:
    """The ensemble's agreement where recommenders that are kin of its parts, or of one another, are left out."""
    header = ["Left out", "Recommenders", "Tau", "Spearman"]
    left_out = measures["auc"].judges["ensemble"].without if "auc" in measures else {}
    return [header] + [
        [family, f"{rest.recommenders}", number(rest.kendall_tau, rest.ci95), number(rest.spearman)]
        for family, rest in left_out.items()
    ]


def _biases(rows: Sequence[BiasCheck], unseen: Sequence[Discrimination]) -> Rows:
    """Biases of every model; of those that were asked about unseen items also how many of these they accept."""
    of_unseen = {row.model: row.yes_to_unseen for row in unseen}
    header = ["Model", "P(like) over the real like rate", "Rise with popularity beyond the real", "Yes to unseen items"]
    return [header] + [
        [
            label(row.model),
            signed(row.over_positivity, row.over_positivity_ci95),
            signed(row.popularity_bias, row.popularity_bias_ci95),
            number(of_unseen[row.model]) if row.model in of_unseen else "–",
        ]
        for row in rows
    ]


def _leaks(found: LeakCheck | None) -> Rows:
    header = ["What was looked for", "Among", "Found"]
    if found is None:
        return [header]
    return [
        header,
        [
            "reviews of held-out reactions",
            f"{found.review_prompts:,} prompts with a review",
            str(found.from_held_out),
        ],
        [
            "words that only held-out reviews have",
            f"{found.markers:,} such words",
            str(found.markers_in_keywords),
        ],
    ]


def _ablation(rows: Sequence[Variant]) -> Rows:
    header = ["Variant", "AUC", "Log loss", "AUC lost", "Log loss saved by the whole", "AUC lost on cold items"]
    return [header] + [
        [
            row.variant,
            number(row.auc),
            number(row.log_loss),
            signed(row.auc_lost, row.auc_lost_ci95),
            signed(row.log_loss_saved, row.log_loss_saved_ci95),
            signed(row.cold_items_auc_lost, row.cold_items_auc_lost_ci95),
        ]
        for row in rows
    ]


def _sizes(sizes: Sequence[DataSize]) -> Rows:
    """A row a size; where the truth is known also how far the ensemble's P(like) is from it."""
    names = [name for name in (*_COMPARED, "vote", "best_possible") if sizes and name in sizes[0].models]
    header = ["Train interactions", "Share", *map(label, names), "Ensemble's mean error of P(like)"]
    return [header] + [
        [
            f"{size.train_interactions:,}",
            f"{size.share:.1%}",
            *(number(size.models[name].auc) for name in names),
            "–" if (error := size.models["ensemble"].error_of_probability) is None else number(error),
        ]
        for size in sizes
    ]
