"""Step `train-sasrec`: the statistical model, and the published network it is compared with, from training rows."""

from __future__ import annotations

from models.metrics.results import Result
from models.response.sasrec.settings import SASRecSettings
from models.response.sasrec.training import Epoch
from models.response.sasrec.training import train_sasrec as train
from storage.checkpoints import save_arrays
from storage.files import publish, publish_json
from storage.run_folder import RunFolder
from tasks.loading import load_categories, load_interactions
from tasks.progress import step_progress
from tasks.step import Summary, step

READS = ("users.parquet", "items.parquet", "interactions.parquet")


class Training(Result):
    """sasrec/training.json: the course of training, epoch by epoch."""

    epochs: list[Epoch]


@step(version="2", reads=READS, writes=("sasrec",))
def train_sasrec(folder: RunFolder, settings: SASRecSettings) -> Summary:
    """Train with early stopping on validation, and publish weights, settings and the course of training."""
    rows, validation = load_interactions(folder, ("train",)), load_interactions(folder, ("validation",))
    categories = load_categories(folder)
    with step_progress("epochs of SASRec, at most", settings.max_epochs) as show:
        model, epochs = train(rows, validation, categories, settings, show=show)
    with step_progress("epochs of the published SASRec, at most", settings.max_epochs) as show:
        published, published_epochs = train(rows, validation, categories, settings.as_published(), show=show)
    with publish(folder.path("sasrec")) as target:
        target.mkdir()
        save_arrays(target / "model.safetensors", model.arrays())
        save_arrays(target / "published.safetensors", published.arrays())
        publish_json(target / "settings.json", settings.model_dump(mode="json"))
        publish_json(target / "training.json", Training(epochs=epochs).model_dump(mode="json"))
    return {
        "epochs": len(epochs),
        "validation_auc": max(epoch.validation_auc for epoch in epochs),
        "published_validation_auc": max(epoch.validation_auc for epoch in published_epochs),
    }
