"""The flows as they are deployed: their parameters are those of a form, their data folder is that of the service.

The worker of `recaudience serve` sets the data folder in the environment of every run; no form names a path.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any, TypeVar

from prefect import Flow, flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run
from pydantic import JsonValue, ValidationError

from flows.artifacts import artifact_key
from flows.compare import compare
from flows.evaluate import evaluate
from flows.prefect_environment import DATA_VARIABLE, show_expected_errors_without_traceback
from flows.refresh import refresh
from flows.reproduce import reproduce
from flows.serving.forms import (
    AgentForm,
    ComparisonForm,
    DatasetForm,
    EvaluationForm,
    PipelineForm,
    ReadingForm,
    TuningForm,
)
from flows.tune import tune
from storage.errors import SettingsError
from tasks.report.profile_comparison import comparison_rows

FormT = TypeVar("FormT", bound=DatasetForm)


def _deployed(name: str, form: type[FormT]) -> Callable[[Callable[[FormT], Any]], Flow[..., Any]]:
    """Make a flow of a function of a form: the form's fields are the flow's parameters."""

    def declare(run: Callable[[FormT], Any]) -> Flow[..., Any]:
        def function(**parameters: JsonValue) -> Any:  # noqa: ANN401 # whatever the flow returns
            show_expected_errors_without_traceback()
            return run(_filled(form, parameters))

        function.__doc__, function.__module__ = run.__doc__, run.__module__
        function.__name__ = function.__qualname__ = run.__name__
        function.__signature__ = inspect.signature(form)  # type: ignore[attr-defined] # read by Prefect
        return flow(name=name, flow_run_name=lambda: _run_name(name), validate_parameters=False, persist_result=False)(
            function
        )

    return declare


def _filled(form: type[FormT], parameters: dict[str, JsonValue]) -> FormT:
    try:
        return form.model_validate(parameters)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (found {e['input']!r})" for e in error.errors()]
        raise SettingsError("\n".join(lines)) from error


def _run_name(name: str) -> str:
    """Dataset, split and reason, such as `sample (tail): new reviews`; other flows' names come first."""
    parameters = flow_run.parameters
    preset = f"@{parameters['preset']}" if parameters.get("preset") else ""
    split = f" ({parameters.get('split', 'tail')})" if name != "evaluate" else ""
    reason = parameters.get("reason") or ("as scheduled" if "auto-scheduled" in flow_run.tags else "started by hand")
    first = "" if name == "reproduce" else f"{name} "
    return f"{first}{parameters.get('dataset', 'sample')}{preset}{split}: {reason}"


def _data() -> str:
    return os.environ.get(DATA_VARIABLE, "data")


@_deployed("reproduce", PipelineForm)
def reproduce_form(form: PipelineForm) -> str | None:
    """Run the whole pipeline for a dataset: simulated users, fidelity card, agents and report."""
    if form.extent == "reading":
        return _read(form)
    chosen = {"llm": form.llm, "split": form.split, "overrides": form.overrides, "data": _data()}
    return reproduce.fn(form.run, from_step=form.from_step, **chosen)


@_deployed("reinforce", AgentForm)
def reinforce_form(form: AgentForm) -> str:
    """Train and compare agents on a dataset's simulated users; steps before it are taken from the last run."""
    chosen = {"llm": form.llm, "split": form.split, "overrides": form.overrides, "data": _data()}
    return reproduce.fn(form.run, **chosen)


@_deployed("annotate", ReadingForm)
def annotate_form(form: ReadingForm) -> None:
    """Check a dataset's data and read its new items, so that the next run finds every answer stored."""
    _read(form)


@_deployed("evaluate", EvaluationForm)
def evaluate_form(form: EvaluationForm) -> list[str]:
    """Publish the whole fidelity card of a dataset."""
    return evaluate.fn(
        form.run,
        llm=form.llm,
        splits=form.splits,
        with_peers=form.peers,
        with_training_gain=form.training_gain,
        overrides=form.overrides,
        data=_data(),
    )


@_deployed("tune", TuningForm)
def tune_form(form: TuningForm) -> None:
    """Find settings of the sequence model that suit a dataset."""
    tuned = tune.fn(form.grid, form.run, split=form.split, overrides=form.overrides, data=_data())
    get_run_logger().info("Settings to put into the dataset's profile: %s", dict(tuned.changes) or "none")
    create_table_artifact(
        key=artifact_key(form.run, "tuning"),
        table=[
            {
                "setting": trial.setting or "as they are",
                "value": str(trial.value),
                "validation AUC": round(trial.auc, 4),
                "gain": round(trial.gain, 4),
                "kept": trial.kept,
            }
            for trial in tuned.trials
        ],
        description=f"Trials of SASRec's settings on {form.run}",
    )


@_deployed("compare", ComparisonForm)
def compare_form(form: ComparisonForm) -> None:
    """Compare language models on a dataset: quality of their keywords and cost."""
    figures = compare.fn(form.profiles, form.run, split=form.split, overrides=form.overrides, data=_data())
    header, *rows = comparison_rows(figures)
    create_table_artifact(
        key=artifact_key(form.run, "language-models"),
        table=[dict(zip(header, row, strict=True)) for row in rows],
        description=f"Language models on {form.run}",
    )


def _read(form: ReadingForm) -> None:
    results = refresh.fn(form.run, llm=form.llm, split=form.split, overrides=form.overrides, data=_data())
    counts = [
        {"step": step, "what": name.replace("_", " "), "count": str(value)}
        for step in ("ingest", "annotate")
        for name, value in results[step].summary.items()
    ]
    key = artifact_key(form.run, "reading")
    create_table_artifact(key=key, table=counts, description=f"Data and reading of {form.run}")
