"""How numbers and verdicts read on the report page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import Undefined
from pydantic import JsonValue

from models.fidelity.card import Comparison
from models.metrics.intervals import Estimate
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


def gain_sentence(name: str, gain: Estimate) -> str:
    """What a policy earns more or less than popularity, over the same episodes, or that the episodes do not tell."""
    low, high = gain.ci95
    interval = f"{gain.mean:+.2f} an episode, 95 % interval {low:+.2f} to {high:+.2f}"
    if low > 0:
        verdict = "earns more from simulated users than popularity"
    elif high < 0:
        verdict = "earns less from simulated users than popularity"
    else:
        verdict = "cannot be told from popularity"
    return typeset(f"{label(name)} {verdict}: {interval}.")


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
