"""What a run changed: its figures beside those of the run before it in the same folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.errors import DataError
from storage.run_folder import RunFolder
from tasks.evaluation.fidelity import load_fidelity
from tasks.policies.checkpoints import load_reinforcement
from tasks.report.tables import Rows, label

_BASELINE, _OURS = "bias", "ensemble"


@dataclass(frozen=True)
class Figures:
    """The main figures of a run; empty where there was none.

    Parameters
    ----------
    auc, log_loss
        By model, on test pairs.
    reward
        By policy: mean reward of a session.
    """

    auc: Mapping[str, float] = field(default_factory=dict)
    log_loss: Mapping[str, float] = field(default_factory=dict)
    reward: Mapping[str, float] = field(default_factory=dict)


def figures_of(folder: RunFolder) -> Figures:
    """Figures that a run folder holds now; none where a table is not there, or damaged and so to be made anew."""
    try:
        fidelity, reinforcement = load_fidelity(folder), load_reinforcement(folder)
    except DataError:
        return Figures()
    models = fidelity.models if fidelity else {}
    policies = reinforcement.policies if reinforcement else {}
    return Figures(
        auc={name: scores.auc for name, scores in models.items() if scores.auc is not None},
        log_loss={name: scores.log_loss for name, scores in models.items() if scores.log_loss is not None},
        reward={name: scores.average_reward.mean for name, scores in policies.items()},
    )


def change_rows(before: Figures, after: Figures) -> Rows:
    """A row a figure: what it is of, its value, the value before and the difference; header first."""
    rows = [["Figure", "Now", "Before", "Change"]]
    for title, earlier, now in (
        ("AUC", before.auc, after.auc),
        ("Log loss", before.log_loss, after.log_loss),
        ("Reward", before.reward, after.reward),
    ):
        for name, value in now.items():
            old = earlier.get(name)
            change = ("-", "-") if old is None else (f"{old:.4f}", f"{value - old:+.4f}")
            rows.append([f"{title}: {label(name)}", f"{value:.4f}", *change])
    return rows


def verdict(before: Figures, after: Figures) -> str:
    """Whether the simulated users beat the bias model, and what has changed, in words; none without figures."""
    ours, baseline = after.auc.get(_OURS), after.auc.get(_BASELINE)
    if ours is None or baseline is None:
        return ""
    better = "beats" if ours > baseline else "does not beat"
    text = f"The ensemble (AUC {ours:.4f}) {better} the bias model (AUC {baseline:.4f}) on test pairs."
    earlier = before.auc.get(_OURS)
    if earlier is None:
        return f"{text} There is no run before it."
    if earlier == ours:
        return f"{text} Its AUC is that of the run before."
    return f"{text} Its AUC changed by {ours - earlier:+.4f} since the run before."
