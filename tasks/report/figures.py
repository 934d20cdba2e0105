"""The report's figures as SVG text: drawn once, readable by themselves and in the page's light and dark colours.

Colours are tokens: in a file of its own a figure has the light ones; inside the page `themed` turns each into a CSS
variable, so that the figure follows the reader's scheme. Hues keep apart for colour-blind eyes (after Okabe and Ito).
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from models.fidelity.ablation import Variant
from models.fidelity.distributions import Stratum
from models.policy_evaluation.comparison import Reinforcement
from tasks.evaluation.data_size import DataSize
from tasks.evaluation.fidelity import Fidelity
from tasks.report.policy_table import BASELINES, POLICY_GROUPS
from tasks.report.tables import FIDELITY_GROUPS, grouped, label
from tasks.steps.train_sasrec import Training

INK, MUTED, GRID, GROUND = "#1b1f24", "#59636e", "#d3d9df", "#fefefe"
BLUE, RED, GREEN, PURPLE, GREY = "#0072b2", "#b84608", "#00785a", "#a14a8a", "#76808b"
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--line",
    GROUND: "--figure-ground",
    BLUE: "--blue",
    RED: "--red",
    GREEN: "--green",
    PURPLE: "--purple",
    GREY: "--grey",
}

_FIDELITY_COLOURS = dict(zip(FIDELITY_GROUPS, (GREY, BLUE, RED, GREEN), strict=True))
_POLICY_COLOURS = dict(zip(POLICY_GROUPS, (GREY, BLUE, RED, PURPLE, GREEN, INK), strict=True))
_JUDGED = {
    "truth": "true likes of an episode over item mean",
    "held_out_ratings": "estimated share of likes over item mean",
}
_SERIES = (
    (RED, "-", "o"),
    (BLUE, "--", "s"),
    (GREEN, "-.", "^"),
    (PURPLE, ":", "D"),
    (GREY, "-", "v"),
    (INK, "--", "P"),
)
_RELIABILITY = ("ensemble", "sasrec", "bias", "vote")
MIN_BIN = 10  # pairs; the like rate of fewer says little
_WIDTH = 4.8  # inches; at 480 pixels a point of type is 1.4 pixels
_STYLE = mpl.RcParams(
    {
        "svg.fonttype": "none",  # text stays text: selectable, in the page's font
        "svg.hashsalt": "recaudience",  # equal data, equal bytes
        "font.size": 9.5,
        "axes.edgecolor": GRID,
        "axes.labelcolor": INK,
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "text.color": INK,
        "grid.color": GRID,
        "grid.linewidth": 0.7,
        "figure.facecolor": GROUND,
        "legend.frameon": False,
    }
)


def auc_forest(fidelity: Fidelity) -> str:
    """Every model's AUC with its interval; dotted lines at guessing and at the user+item bias model."""
    groups = grouped(fidelity.models, FIDELITY_GROUPS)
    rows = [(name, _FIDELITY_COLOURS.get(title, PURPLE)) for title, names in groups for name in names]
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(0.9 + 0.3 * len(rows))
        for y, (name, colour) in enumerate(rows):
            scores = fidelity.models[name]
            axes.plot(scores.auc_ci95, (y, y), color=colour, linewidth=2, solid_capstyle="round")
            axes.plot(scores.auc, y, "o", color=colour, markersize=6)
            axes.text(1.02, y, f"{scores.auc:.3f}", transform=axes.get_yaxis_transform(), va="center", color=INK)
        reference = fidelity.models.get("bias")
        for x in (0.5, *([reference.auc] if reference else [])):
            axes.axvline(x, color=MUTED, linewidth=1, linestyle=":", zorder=0)
        _names(axes, [name for name, _ in rows])
        axes.set_xlabel("AUC on test pairs, 95 % interval")
        axes.grid(axis="x")
        return _svg(figure)


def reliability(fidelity: Fidelity) -> str:
    """Share of likes against predicted probability, in bins of some pairs; on the diagonal a model is calibrated."""
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(3.9)
        axes.plot((0, 1), (0, 1), color=MUTED, linewidth=1, linestyle=":", zorder=0)
        shown = [name for name in _RELIABILITY if fidelity.reliability.get(name)] or list(fidelity.reliability)[:4]
        for name, (colour, line, marker) in zip(shown, _SERIES, strict=False):
            bins = [found for found in fidelity.reliability[name] if found.n >= MIN_BIN]
            sizes = 12 + 90 * np.sqrt([found.n / max(1, fidelity.n) for found in bins])
            x, y = [found.mean_probability for found in bins], [found.like_rate for found in bins]
            axes.plot(x, y, color=colour, linestyle=line, linewidth=1.6)
            axes.scatter(x, y, s=sizes, marker=marker, color=colour, label=label(name))
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="predicted P(like)", ylabel="share of likes")
        axes.grid()
        _legend_above(axes)
        return _svg(figure)


def training_curve(training: Training) -> str:
    """SASRec's training loss and validation AUC by epoch; the epoch that was kept is marked."""
    epochs = np.arange(1, len(training.epochs) + 1)
    losses = [epoch.train_loss for epoch in training.epochs]
    aucs = [epoch.validation_auc for epoch in training.epochs]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 3.9), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        upper.plot(epochs, aucs, color=RED, marker="o", markersize=3.5)
        lower.plot(epochs, losses, color=BLUE, marker="o", markersize=3.5)
        if aucs:
            kept = max(range(len(aucs)), key=lambda epoch: (aucs[epoch], epoch))  # training keeps the last of equals
            upper.plot(epochs[kept], aucs[kept], "o", markersize=10, markerfacecolor="none", markeredgecolor=INK)
            upper.set_title(f"kept: epoch {kept + 1}, AUC {aucs[kept]:.3f}", fontsize="medium", loc="right")
        upper.set_ylabel("validation AUC")
        lower.set(ylabel="training log loss", xlabel="epoch")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in (upper, lower):
            axes.grid()
            axes.margins(y=0.2)
        return _svg(figure)


def policy_differences(reinforcement: Reinforcement) -> str:
    """Every policy beside the item mean, by the simulator's reward and by the judge; rewards where neither is there."""
    groups = grouped(reinforcement.policies, POLICY_GROUPS)
    rows = [(name, _POLICY_COLOURS.get(title, PURPLE)) for title, names in groups for name in names]
    scores = [reinforcement.policies[name] for name, _ in rows]
    panels = [("reward of an episode over item mean", [row.over_item_mean for row in scores])]
    if reinforcement.judge:
        panels.append(
            (_JUDGED[reinforcement.judge], [row.judgement and row.judgement.over_item_mean for row in scores])
        )
    if not any(panels[0][1]):
        panels = [("reward of an episode", [row.average_reward for row in scores])]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, 0.9 + 0.34 * len(rows)), layout="constrained")
        drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (title, estimates) in zip(drawn, panels, strict=True):
            axes.axvline(0, color=MUTED, linewidth=1)
            for y, (estimate, (_, colour)) in enumerate(zip(estimates, rows, strict=True)):
                if estimate:
                    axes.plot(estimate.ci95, (y, y), color=colour, linewidth=2)
                    axes.plot(estimate.mean, y, "o", color=colour, markersize=5)
            axes.set_xlabel(title)
            axes.grid(axis="x")
            axes.set_axisbelow(True)
            _names(axes, [name for name, _ in rows])
        return _svg(figure)


def learning_curves(reinforcement: Reinforcement) -> str:
    """Average reward of an episode while training, by environment steps; dotted lines at the baselines' rewards."""
    baselines = [name for name in POLICY_GROUPS[BASELINES] if name in reinforcement.policies]
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(3.4)
        for (name, points), (colour, line, _) in zip(reinforcement.learning_curves.items(), _SERIES, strict=False):
            steps, rewards = zip(*points, strict=True) if points else ((), ())
            axes.plot(steps, rewards, color=colour, linestyle=line, linewidth=1.8, label=label(name))
        for name in baselines:
            reward = reinforcement.policies[name].average_reward.mean
            axes.axhline(reward, color=MUTED, linewidth=1, linestyle=":", zorder=0)
            axes.text(1.01, reward, label(name), transform=axes.get_yaxis_transform(), va="center", color=MUTED)
        axes.set(xlabel="environment steps", ylabel="average reward of an episode")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.margins(y=0.15)
        axes.grid()
        _legend_above(axes)
        return _svg(figure)


def themed(svg: str, prefix: str) -> str:
    """A figure for inclusion in the page: colours as CSS variables, ids of its own, as wide as its place."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = svg.replace("<svg ", '<svg aria-hidden="true" ', 1)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{prefix}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg


def popularity(strata: Sequence[Stratum]) -> str | None:
    """Like rate by how often the item occurs in training, real and simulated; None where there is nothing to draw."""
    if not strata:
        return None
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(3.2)
        x = [stratum.mean_train_count for stratum in strata]
        axes.plot(x, [stratum.real for stratum in strata], color=INK, linewidth=2.4, marker="o", label="real")
        shown = [name for name in ("bias", "vote", "ensemble") if name in strata[0].simulated]
        for name, (colour, line, marker) in zip(shown, _SERIES, strict=False):
            y = [stratum.simulated[name] for stratum in strata]
            axes.plot(x, y, color=colour, linestyle=line, linewidth=1.6, marker=marker, markersize=4, label=label(name))
        axes.set(xscale="symlog", ylim=(0, 1), xlabel="train interactions of the item", ylabel="share of likes")
        axes.grid()
        _legend_above(axes)
        return _svg(figure)


def ablation(variants: Sequence[Variant]) -> str | None:
    """AUC lost by each variant with its interval; None where there is nothing to draw."""
    if not variants:
        return None
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(0.9 + 0.26 * len(variants))
        for y, variant in enumerate(variants):
            axes.plot(variant.auc_lost_ci95, (y, y), color=BLUE, linewidth=2, solid_capstyle="round")
            axes.plot(variant.auc_lost, y, "o", color=BLUE, markersize=5)
        axes.axvline(0, color=MUTED, linewidth=1, linestyle=":", zorder=0)
        _names(axes, [variant.variant for variant in variants])
        axes.set_xlabel("AUC lost, 95 % interval")
        axes.grid(axis="x")
        return _svg(figure)


def data_sizes(sizes: Sequence[DataSize]) -> str | None:
    """AUC by number of train interactions; None where there is nothing to draw."""
    if not sizes:
        return None
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(3.2)
        x = [size.train_interactions for size in sizes]
        shown = [name for name in ("ensemble", "sasrec", "gradient_boosting", "bias") if name in sizes[0].models]
        for name, (colour, line, marker) in zip(shown, _SERIES, strict=False):
            y = [size.models[name].auc for size in sizes]
            axes.plot(x, y, color=colour, linestyle=line, linewidth=1.6, marker=marker, markersize=4, label=label(name))
        if best := sizes[-1].models.get("best_possible"):
            axes.axhline(best.auc, color=MUTED, linewidth=1, linestyle=":", label="best possible")
        axes.set(xscale="log", xlabel="train interactions", ylabel="AUC on test pairs")
        axes.grid()
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, columnspacing=1.2, handletextpad=0.5)
        return _svg(figure)


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _names(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), [label(name) for name in names], color=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _legend_above(axes: Axes) -> None:
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, columnspacing=1.2, handletextpad=0.5)


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()
