"""SASRec's settings for a dataset, tuned on its validation pairs; each trial is a cached step of its own.

A trial keeps the validation logits, below `tuning/` in the run folder, by a name made of its settings: tuning that was
stopped goes on with the next trial, and a wider grid tries only what is new in it.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from models.metrics.classification import UserBootstrap, auc
from models.response.sasrec.settings import SASRecSettings
from models.response.sasrec.training import train_sasrec, validation_logits
from models.response.sasrec.tuning import Grid, Tuned, tune
from storage.checkpoints import load_arrays, save_arrays
from storage.errors import SettingsError
from storage.files import publish, publish_json
from storage.run_folder import RunFolder
from tasks.loading import load_categories, load_interactions
from tasks.step import Step, Summary, step_logger
from tasks.steps.train_sasrec import READS

REPORT = "report/tuning.json"


def tune_sasrec(folder: RunFolder, settings: SASRecSettings, grid: Grid, *, resamples: int, seed: int) -> Tuned:
    """Try the grid inside a Prefect flow, and publish report/tuning.json.

    Parameters
    ----------
    folder
        A run folder with users, items and interactions.
    settings
        What is begun with.
    grid
        Values to try of each setting.
    resamples, seed
        Of the bootstrap behind each interval.

    Raises
    ------
    SettingsError
        Where the grid names an unknown setting, or a value out of its range; nothing has been trained then.
    """
    validation = load_interactions(folder, ("validation",))
    predict = partial(_logits, folder, settings, len(validation))
    try:
        tuned = tune(settings, grid, predict, UserBootstrap(validation.users, validation.likes, resamples, seed))
    except ValueError as error:
        raise SettingsError(f"tune: {error}") from error
    trials = [asdict(trial) for trial in tuned.trials]
    content = {"begun_with": settings.model_dump(mode="json"), "trials": trials, "changes": dict(tuned.changes)}
    publish_json(folder.path(REPORT), cast("JsonValue", content))
    return tuned


def _logits(folder: RunFolder, begun_with: SASRecSettings, n: int, settings: SASRecSettings) -> NDArray[np.float32]:
    """Logits of the n validation pairs by a model of these settings."""
    before = begun_with.model_dump()
    changed = [f"{name}={value}" for name, value in settings if value != before[name]]
    digest = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:16]
    name = f"tuning/{digest}.safetensors"
    trial = Step("try-sasrec", "1", READS, (name,), partial(_try, name=name))
    result = trial.run(folder, settings)
    label, found = ", ".join(changed) or "as they are", result.summary["validation_auc"]
    step_logger().info("%s: validation AUC %.4f in %.0f s", label, found, result.seconds)
    return load_arrays(folder.path(name), {"logits": (n,)})["logits"]


def _try(folder: RunFolder, settings: SASRecSettings, *, name: str) -> Summary:
    train, validation = load_interactions(folder, ("train",)), load_interactions(folder, ("validation",))
    model, _ = train_sasrec(train, validation, load_categories(folder), settings)
    logits = validation_logits(model, train, validation)
    with publish(folder.path(name)) as target:
        save_arrays(target, {"logits": logits})
    return {"validation_auc": auc(validation.likes, logits)}
