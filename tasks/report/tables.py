"""The tables of a run, once for all places that show them: terminal, Prefect artifacts, report page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from models.agents.settings import ON_VOTE
from models.metrics.results import Interval
from storage.run_folder import RunFolder
from tasks.evaluation.fidelity import Fidelity, load_fidelity

Rows = list[list[str]]

FIDELITY_GROUPS: dict[str, tuple[str, ...]] = {
    "Baselines": (
        "global_rate",
        "item_mean",
        "user_mean",
        "bias",
        "matrix_factorisation",
        "rating_factorisation",
        "sasrec_paper",
        "gradient_boosting",
    ),
    "Parts of the simulator": ("keyword_matching", "similarity", "statistics", "sasrec"),
    "The simulator": ("vote", "ensemble"),
    "Bound, from the known truth": ("best_possible",),
}
_OTHERS = "Others"

LABELS = {
    "nearest": "Nearest to the user",
    "untrained": "Untrained network",
    "greedy": "Greedy on the vote",
    "greedy_ensemble": "Greedy on P(like)",
    "greedy_truth": "Greedy on the truth",
    "a2c": "A2C",
    "dqn": "DQN",
    "ppo": "PPO",
    "trpo": "TRPO",
    "qrdqn": "QR-DQN",
    "maskable_ppo": "MaskablePPO",
    "lin_ucb": "LinUCB",
    "sasrec": "SASRec",
    "sasrec_paper": "SASRec as published",
    "ease": "EASE",
    "transformer": "Transformer over the log (KuaiSim's kind)",
    "llm_rating": "Language model, rating (SUBER's kind)",
    "llm_yes_no": "Language model, yes or no",
}


@dataclass(frozen=True)
class Cell:
    """One number: how it reads, its interval, and whether it is the best of its column."""

    text: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A model's or policy's numbers."""

    name: str
    label: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Column titles, the first for the rows' labels, and rows in titled groups."""

    header: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]

    def plain(self) -> Rows:
        """Header and rows as text, the best of a column marked with a star."""
        rows = [[row.label, *(_plain(cell) for cell in row.cells)] for _, group in self.groups for row in group]
        return [list(self.header), *rows]


@dataclass(frozen=True)
class Number:
    """A number that may be missing, with its 95 % interval where there is one, and a mark behind it."""

    value: float | None
    interval: Interval | None = None
    mark: str = ""


@dataclass(frozen=True)
class Column:
    """How the numbers of a column read and whether more is better; None where neither is."""

    title: str
    text: Callable[[float], str]
    more_is_better: bool | None


def label(name: str) -> str:
    """A model's or policy's name for people."""
    base = name.removesuffix(ON_VOTE)
    known = LABELS.get(base, base.replace("_", " "))
    return known if base == name else f"{known} on the paper's vote"


def fidelity_table(fidelity: Fidelity) -> Table:
    """How well each model predicts reactions that nothing has seen."""
    number = "{:.3f}".format
    columns = (
        Column("AUC", number, more_is_better=True),
        Column("Log loss", number, more_is_better=False),
        Column("Accuracy", number, more_is_better=True),
        Column("Macro F1", number, more_is_better=True),
        Column("Brier", number, more_is_better=False),
        Column("ECE", number, more_is_better=False),
        Column("ECE if calibrated", number, more_is_better=None),  # what chance makes of true probabilities
        Column("Debiased", number, more_is_better=False),
    )
    rows = {
        name: (
            Number(scores.auc, scores.auc_ci95),
            *map(Number, (scores.log_loss, scores.accuracy, scores.macro_f1, scores.brier, scores.ece)),
            Number(scores.ece_if_calibrated, scores.ece_if_calibrated_ci95),
            Number(scores.ece_debiased),
        )
        for name, scores in fidelity.models.items()
    }
    return table_of("Model", columns, rows, FIDELITY_GROUPS, frozenset({"best_possible"}))


def fidelity_rows(folder: RunFolder) -> Rows:
    """The fidelity table of a run as text, header first; nothing but a header where it was not run."""
    fidelity = load_fidelity(folder)
    return fidelity_table(fidelity).plain() if fidelity else [["Model"]]


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Header and rows as a Markdown table, numbers to the right."""
    header, *body = rows
    lines = [header, ["---", *("---:" for _ in header[1:])], *body]
    return "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines) + "\n"


def grouped(names: Iterable[str], groups: dict[str, tuple[str, ...]]) -> list[tuple[str, list[str]]]:
    """Names in the order of their groups; names that no group knows come last."""
    names = list(names)
    known = {name for members in groups.values() for name in members}
    found = [(title, [name for name in members if name in names]) for title, members in groups.items()]
    found.append((_OTHERS, [name for name in names if name not in known]))
    return [(title, members) for title, members in found if members]


def table_of(
    first: str,
    columns: tuple[Column, ...],
    rows: Mapping[str, tuple[Number, ...]],
    groups: dict[str, tuple[str, ...]],
    out_of_competition: Collection[str],
) -> Table:
    """A table of numbers, a row a name, in titled groups, the best of each column marked among those that compete.

    Parameters
    ----------
    first
        Title of the column of names.
    columns
        How the numbers of each column read.
    rows
        Name to its numbers, as many as columns.
    groups
        Title to names, in their order.
    out_of_competition
        Names that are never marked.
    """
    competing = {name: numbers for name, numbers in rows.items() if name not in out_of_competition}
    best = [_best(column, [row[i].value for row in competing.values()]) for i, column in enumerate(columns)]
    titled = []
    for title, names in grouped(rows, groups):
        group = []
        for name in names:
            cells = [_cell(column, number) for column, number in zip(columns, rows[name], strict=True)]
            if name in competing:
                cells = [replace(cell, best=cell.text == text) for cell, text in zip(cells, best, strict=True)]
            group.append(Row(name, label(name), tuple(cells)))
        titled.append((title, tuple(group)))
    return Table((first, *(column.title for column in columns)), tuple(titled))


def _best(column: Column, values: Sequence[float | None]) -> str | None:
    """How the best number reads, so that no invisible digit decides; None if no number is better than the others."""
    known = [value for value in values if value is not None]
    if column.more_is_better is None or len({column.text(value) for value in known}) < 2:
        return None
    return column.text(max(known) if column.more_is_better else min(known))


def _cell(column: Column, number: Number) -> Cell:
    low_high = "" if number.interval is None else " to ".join(column.text(end) for end in number.interval)
    return Cell("–" if number.value is None else f"{column.text(number.value)}{number.mark}", low_high)


def _plain(cell: Cell) -> str:
    interval = f" [{cell.interval.replace(' to ', ', ')}]" if cell.interval else ""
    return f"{cell.text}{interval}{' *' if cell.best else ''}"
