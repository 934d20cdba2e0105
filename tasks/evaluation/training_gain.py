"""Step `training-gain`: recommenders fitted with and without simulated reactions, judged by real test rows."""

from __future__ import annotations

from pydantic import TypeAdapter

from models.fidelity.training_gain import GainData, TrainingGain, TrainingGainSettings, training_gain
from storage.checkpoints import load_json
from storage.files import content_hash, publish_json
from storage.run_folder import RunFolder
from tasks.evaluation.fidelity import PREDICTIONS
from tasks.loading import SIMULATOR_PARTS, load_interactions, load_simulator
from tasks.step import Summary, step, step_logger

REPORT = "report/training_gain.json"


class TrainingGainOfRun(TrainingGain):
    """report/training_gain.json; `of_predictions` is the hash of the predictions of the run that it is of."""

    dataset: str
    of_predictions: str


@step(version="1", reads=(*SIMULATOR_PARTS, PREDICTIONS), writes=(REPORT,))
def measure_training_gain(folder: RunFolder, settings: TrainingGainSettings) -> Summary:
    """Publish report/training_gain.json of a run folder after `evaluate-fidelity`."""
    simulator, logger = load_simulator(folder), step_logger()
    validation, test = load_interactions(folder, ("validation",)), load_interactions(folder, ("test",))
    gain = training_gain(GainData.of_simulator(simulator, validation, test), settings, logger.info)
    if not gain.users:
        logger.info("no test list has both a like and a dislike: there is nothing to judge recommenders by")
    of_predictions = content_hash(folder.path(PREDICTIONS))
    table = TrainingGainOfRun(dataset=folder.root.name, of_predictions=of_predictions, **vars(gain))
    publish_json(folder.path(REPORT), table.model_dump(mode="json"))
    gains = {name: sets["train_and_simulated"].auc.over_train.mean for name, sets in gain.recommenders.items()}
    return {"users": gain.users, **gains}


def load_training_gain(folder: RunFolder) -> TrainingGainOfRun | None:
    """The training gain of a run; None where there is none, or where the run has been made anew since.

    Raises
    ------
    DataError
        Where the file is damaged.
    """
    path = folder.path(REPORT)
    if not path.exists():
        return None
    table = load_json(path, TypeAdapter(TrainingGainOfRun))
    return table if table.of_predictions == content_hash(folder.path(PREDICTIONS)) else None
