"""The table of policies: what they earn from the simulator, and what the truth or held-out ratings say of them."""

from __future__ import annotations

from collections.abc import Callable

from models.metrics.intervals import Estimate
from models.policy_evaluation.comparison import PolicyScores, Reinforcement
from storage.run_folder import RunFolder
from tasks.policies.checkpoints import load_reinforcement
from tasks.report.tables import Column, Number, Rows, Table, table_of

TRAINED = "Trained by reinforcement learning"
CONTRASTS = "Trained on the paper's vote, for contrast"
BASELINES = "Baselines"
POLICY_GROUPS: dict[str, tuple[str, ...]] = {
    BASELINES: ("random", "popularity", "item_mean", "sasrec", "nearest", "lin_ucb"),
    "The agents' network before training": ("untrained",),
    TRAINED: ("a2c", "dqn", "ppo", "trpo", "qrdqn", "maskable_ppo"),
    CONTRASTS: (
        "a2c_on_vote",
        "dqn_on_vote",
        "ppo_on_vote",
        "trpo_on_vote",
        "qrdqn_on_vote",
        "maskable_ppo_on_vote",
    ),
    "Upper lines, which ask the simulator itself": ("greedy", "greedy_ensemble"),
    "Bound, from the known truth": ("greedy_truth",),
}
OUT_OF_COMPETITION = frozenset({"greedy", "greedy_ensemble", "greedy_truth"})
VALUE_TITLES = {"truth": "True likes", "held_out_ratings": "Estimated likes"}
PRAISE_MARKS = {"open": " †", "contradicted": " ‡"}


def reinforcement_table(reinforcement: Reinforcement) -> Table:
    """What each policy earns from the simulated users, and what its judge says of it."""
    by_ratings = reinforcement.judge == "held_out_ratings"
    digits: Callable[[float], str] = "{:.3f}".format if by_ratings else "{:.2f}".format
    signed: Callable[[float], str] = "{:+.3f}".format if by_ratings else "{:+.2f}".format
    columns = [
        Column("Reward", "{:.2f}".format, more_is_better=True),
        Column("… over item mean", "{:+.2f}".format, more_is_better=None),
    ]
    if reinforcement.judge:
        columns += [
            Column(VALUE_TITLES[reinforcement.judge], digits, more_is_better=True),
            Column("… over untrained", signed, more_is_better=None),
            Column("… over item mean", signed, more_is_better=None),
        ]
    if by_ratings:
        columns.append(Column("SNIPS", digits, more_is_better=None))
    columns += [
        Column("Liking@10", "{:.3f}".format, more_is_better=None),
        Column("Coverage", "{:.3f}".format, more_is_better=None),  # random covers all: no merit by itself
        Column("Training s", "{:.0f}".format, more_is_better=None),
    ]
    rows = {name: _row(scores, reinforcement) for name, scores in reinforcement.policies.items()}
    return table_of("Policy", tuple(columns), rows, POLICY_GROUPS, OUT_OF_COMPETITION)


def reinforcement_rows(folder: RunFolder) -> Rows:
    """The table of a run's policies as text, header first; nothing but a header where it was not run."""
    reinforcement = load_reinforcement(folder)
    return reinforcement_table(reinforcement).plain() if reinforcement else [["Policy"]]


def value_of(scores: PolicyScores) -> Estimate:
    """What a policy is put in order by: its value by the judge, its reward where there is no judge."""
    return scores.judgement.value if scores.judgement else scores.average_reward


def _row(scores: PolicyScores, reinforcement: Reinforcement) -> tuple[Number, ...]:
    judged, by_ratings = scores.judgement, reinforcement.judge == "held_out_ratings"
    row = [Number(scores.average_reward.mean), _number(scores.over_item_mean)]
    if reinforcement.judge and judged is None:
        row += [Number(None)] * (4 if by_ratings else 3)
    elif judged is not None:
        over = _number(judged.over_item_mean, PRAISE_MARKS.get(judged.praise or "", ""))
        row += [
            _number(judged.value) if by_ratings else Number(judged.value.mean),
            _number(judged.over_untrained),
            over,
        ]
        row += [_number(judged.snips)] if by_ratings else []
    seconds = Number(scores.training_seconds or None)  # policies without training took none
    return (*row, Number(scores.liking_at_10.mean), Number(scores.coverage.mean), seconds)


def _number(estimate: Estimate | None, mark: str = "") -> Number:
    if estimate is None or estimate.ci95 == (0, 0):  # a policy beside itself
        return Number(None)
    return Number(estimate.mean, estimate.ci95, mark)
