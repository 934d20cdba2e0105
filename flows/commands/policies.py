"""`recaudience recommend`, `simulate`, `export` and `cross-check`: the policies of a finished run in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from flows.commands.terminal import DataOption, DatasetArgument, JsonOption, SplitOption, console, finished_run
from storage.run_folder import DEFAULT_SPLIT

_PolicyOption = Annotated[str, typer.Option("--policy", help="An algorithm that was trained, or a baseline.")]
_SeedOption = Annotated[int | None, typer.Option("--seed", help="Training seed; the run's first where not given.")]
_OutputOption = Annotated[Path | None, typer.Option(help="File or folder to write; in the run folder where not given.")]


def recommend_command(
    dataset: DatasetArgument,
    *,
    user: Annotated[str, typer.Option(help="The user's id in the dataset.")],
    policy: _PolicyOption = "dqn",
    k: Annotated[int, typer.Option("-k", help="Number of items.", min=1)] = 10,
    seed: _SeedOption = None,
    split: SplitOption = DEFAULT_SPLIT,
    as_json: JsonOption = False,
    data: DataOption = Path("data"),
) -> None:
    """Recommend items to a user, each with its probability of a like and the reason."""
    from tasks.policies.use import load_policy_for_use

    chosen = load_policy_for_use(finished_run(data, dataset, split), policy, seed)
    items = chosen.recommend([user], k)[0]
    reasons = [chosen.reason(user, recommended.item).sentence() for recommended in items]
    if as_json:
        console.print_json(
            data=[
                {"item": r.item, "name": r.name, "probability": r.probability, "reason": reason}
                for r, reason in zip(items, reasons, strict=True)
            ]
        )
        return
    table = Table("", "item", "name", "P(like)", "why", box=None, header_style="bold", padding=(0, 2, 1, 0))
    for place, (recommended, reason) in enumerate(zip(items, reasons, strict=True), start=1):
        why = reason.partition(": ")[2] or reason
        table.add_row(
            str(place),
            escape(recommended.item),
            escape(recommended.name),
            f"{recommended.probability:.2f}",
            f"[dim]{escape(why)}[/]",
        )
    console.print(table)


def simulate_command(
    dataset: DatasetArgument,
    *,
    policy: _PolicyOption = "greedy",
    episodes: Annotated[int, typer.Option(help="Number of sessions.", min=1)] = 1000,
    log_format: Annotated[
        Literal["parquet", "recbole", "minari"], typer.Option("--format", help="What to write.")
    ] = "parquet",
    output: _OutputOption = None,
    random_seed: Annotated[int, typer.Option(help="Seed of users, ties and session ends.", min=0)] = 0,
    seed: _SeedOption = None,
    split: SplitOption = DEFAULT_SPLIT,
    data: DataOption = Path("data"),
) -> None:
    """Let a policy recommend in many simulated sessions and write a log of every step."""
    from tasks.policies.logs import simulate
    from tasks.policies.use import load_policy_for_use

    folder = finished_run(data, dataset, split)
    endings = {"parquet": f"{policy}.parquet", "recbole": f"{dataset}-{policy}", "minari": f"{dataset}-{policy}-v0"}
    target = output or folder.path(f"simulated/{log_format}/{endings[log_format]}")
    chosen = load_policy_for_use(folder, policy, seed)
    steps = simulate(chosen, episodes=episodes, seed=random_seed, log_format=log_format, target=target)
    console.print(f"{target}: {steps:,} steps of {episodes:,} sessions", soft_wrap=True)


def export_command(
    dataset: DatasetArgument,
    *,
    policy: _PolicyOption = "dqn",
    export_format: Annotated[
        Literal["pt2", "onnx"], typer.Option("--format", help="torch.export's .pt2, or ONNX.")
    ] = "pt2",
    output: _OutputOption = None,
    seed: _SeedOption = None,
    split: SplitOption = DEFAULT_SPLIT,
    data: DataOption = Path("data"),
) -> None:
    """Write a trained policy as one file that runs without recaudience, and a description of its inputs and outputs."""
    from tasks.policies.export import export_policy
    from tasks.policies.use import load_policy_for_use

    folder = finished_run(data, dataset, split)
    target = output or folder.path(f"exported/{policy}.{export_format}")
    about = export_policy(load_policy_for_use(folder, policy, seed), target, export_format)
    console.print(f"{target}, described in {about}", soft_wrap=True)


def cross_check_command(
    dataset: DatasetArgument,
    *,
    algorithms: Annotated[
        list[str] | None,
        typer.Option("--algorithm", help="To train; repeatable. dqn and a2c where not given."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Training steps; the run's where not given.", min=1)] = None,
    episodes: Annotated[int | None, typer.Option(help="Evaluation episodes; the run's where not given.", min=2)] = None,
    split: SplitOption = DEFAULT_SPLIT,
    data: DataOption = Path("data"),
) -> None:
    """Check whether the algorithm that wins in one simulator also wins in others and on held-out logged ratings."""
    from tasks.evaluation.cross_check import REPORT, cross_check, cross_check_rows

    folder = finished_run(data, dataset, split)
    check = cross_check(folder, algorithms or ["dqn", "a2c"], steps=steps, episodes=episodes)
    header, *body = cross_check_rows(check)
    table = Table(*header, box=None, header_style="bold")
    for row in body:
        table.add_row(*row)
    console.print(table)
    console.print(f"{folder.path(REPORT)}", soft_wrap=True)
