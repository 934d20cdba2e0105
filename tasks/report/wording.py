"""How numbers and verdicts read on the report page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import Undefined
from pydantic import JsonValue

from models.fidelity.card import Comparison
from models.metrics.intervals import Estimate
from models.policy_evaluation.comparison import PolicyScores
from models.policy_evaluation.judgement import Agreement, JudgeName
from tasks.report.tables import label

_NAMED = 2
_IN_WORDS = {"bias": "the user+item bias model"}


def comparison_sentence(comparison: Comparison) -> str:
    """Which of two models predicts better, or that the test pairs do not tell."""
    low, high = comparison.ci95
    model, against = label(comparison.model), _IN_WORDS.get(comparison.against, label(comparison.against))
    interval = f"AUC difference {comparison.auc_difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}"
    if low > 0:
        verdict = f"{model} predicts better than {against}"
    elif high < 0:
        verdict = f"{model} predicts worse than {against}"
    else:
        verdict = f"these test pairs cannot tell {model} from {against}"
    return typeset(f"{verdict[:1].upper()}{verdict[1:]}: {interval}.")


def judgement_sentence(name: str, scores: PolicyScores, judge: JudgeName | None) -> str | None:
    """What a policy is worth beside the item mean and its network before training; None where these were not played."""
    judged = scores.judgement
    over_item_mean = judged.over_item_mean if judged else scores.over_item_mean
    over_untrained = judged.over_untrained if judged else scores.over_untrained
    if over_item_mean is None:
        return None
    by = {"truth": "by the truth", "held_out_ratings": "by held-out ratings", None: "by the simulated users alone"}[
        judge
    ]
    compared = [f"{_better(over_item_mean)} the item mean ({_interval(over_item_mean, judge)})"]
    if over_untrained is not None:
        compared.append(f"{_better(over_untrained)} before training ({_interval(over_untrained, judge)})")
    praise = {
        "open": " The simulator praises it; the judge leaves that open.",
        "contradicted": " The simulator praises it; the judge contradicts.",
    }.get((judged and judged.praise) or "", "")
    return typeset(f"{label(name)}, {by}: {', '.join(compared)}.{praise}")


def agreement_sentence(agreement: Agreement, judge: JudgeName) -> str:
    """How alike the simulator and the judge put the policies in order."""
    whose = {"truth": "the truth", "held_out_ratings": "held-out ratings"}[judge]
    return typeset(
        f"The simulator's order of these {agreement.policies} policies agrees with that of {whose} by Spearman's "
        f"{_correlation(agreement.spearman)} and Kendall's tau {_correlation(agreement.kendall)}."
    )


def _better(difference: Estimate) -> str:
    low, high = difference.ci95
    return "better than" if low > 0 else "worse than" if high < 0 else "not to be told from"


def _interval(difference: Estimate, judge: JudgeName | None) -> str:
    unit, digits = ("of likes", 3) if judge == "held_out_ratings" else ("a session", 2)
    mean, low, high = (f"{number:+.{digits}f}" for number in (difference.mean, *difference.ci95))
    return f"{mean} {unit}, 95 % interval {low} to {high}"


def _correlation(estimate: Estimate) -> str:
    low, high = estimate.ci95
    return f"{estimate.mean:.2f} (95 % interval {low:.2f} to {high:.2f})"


def text(value: JsonValue) -> str:
    """A plain JSON value: four digits of a fraction, thousands set apart."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def count(value: JsonValue | Undefined) -> str:
    """A whole number, thousands set apart; a dash for anything else."""
    return f"{value:,}" if isinstance(value, int) else "–"


def share(value: JsonValue | Undefined) -> str:
    """A share as per cent; a dash for what is no number."""
    return typeset(f"{value * 100:.1f} %") if isinstance(value, int | float) else "–"


def first_few(words: Sequence[str]) -> str:
    """The first two words, and how many more there are."""
    more = len(words) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def typeset(sentence: str) -> str:
    """Minus signs before digits, and no line break before a percent sign."""
    return re.sub(r"-(?=\d)", "−", sentence).replace(" %", "\N{NO-BREAK SPACE}%")
