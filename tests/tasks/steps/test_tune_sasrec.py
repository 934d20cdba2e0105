"""Trials are steps of their own: what was tried is not trained again, and a wrong setting trains nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prefect import flow

from models.response.sasrec.settings import SASRecSettings
from models.response.sasrec.training import train_sasrec
from models.response.sasrec.tuning import Tuned, Value
from storage.errors import SettingsError
from storage.run_folder import RunFolder
from tasks.loading import load_categories, load_interactions
from tasks.steps import tune_sasrec as step
from tests.support.trained_runs import write_trained_run

pytestmark = pytest.mark.usefixtures("prefect_server")
SETTINGS = SASRecSettings(width=8, max_history=10, max_epochs=1)
Grid = dict[str, list[Value]]


@flow
def tuning(root: str, grid: Grid) -> Tuned:
    return step.tune_sasrec(RunFolder(Path(root)), SETTINGS, grid, resamples=50, seed=0)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_trained_run(tmp_path / "tiny")


def test_a_wider_grid_trains_only_what_is_new(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[SASRecSettings] = []

    def counted(*arguments: object) -> object:
        trained.append(arguments[3])  # type: ignore[arg-type]
        return train_sasrec(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(step, "train_sasrec", counted)
    first = tuning(str(folder.root), {"dropout": [0.1]})
    again = tuning(str(folder.root), {"dropout": [0.1], "width": [4]})
    assert [(settings.dropout, settings.width) for settings in trained] == [(0.3, 8), (0.1, 8), (0.3, 4)]
    assert again.trials[:2] == first.trials
    report = json.loads(folder.path("report/tuning.json").read_text(encoding="utf-8"))
    assert [trial["setting"] for trial in report["trials"]] == ["", "dropout", "width"]
    assert report["begun_with"] == SETTINGS.model_dump(mode="json")
    assert report["changes"] == dict(again.changes)


def test_a_trial_is_the_model_that_a_run_would_train(folder: RunFolder) -> None:
    trial = tuning(str(folder.root), {}).trials[0]
    train, validation = load_interactions(folder, ("train",)), load_interactions(folder, ("validation",))
    _, epochs = train_sasrec(train, validation, load_categories(folder), SETTINGS)
    assert trial.auc == max(epoch.validation_auc for epoch in epochs)


@pytest.mark.parametrize("grid", [{"widht": [4]}, {"dropout": [0.1, 1.5]}])
def test_a_wrong_setting_is_named_and_nothing_is_trained(folder: RunFolder, grid: Grid) -> None:
    with pytest.raises(SettingsError, match=next(iter(grid))):
        tuning(str(folder.root), grid)
    assert not folder.path("tuning").exists()
    assert not folder.path("report/tuning.json").exists()
