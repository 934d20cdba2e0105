"""Every profile of a data folder is a deployment; its schedules wait for its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.utilities.importtools import import_object

from flows.serving import deployments as module
from flows.serving.deployments import Deployment, deployments
from storage.settings.datasets import list_dataset_profiles, own_profiles
from storage.settings.sources import set_source

GENERAL = {"any-dataset", "evaluate", "tune", "compare", "annotate", "reinforce"}
OWN = {"adapter": "table", "like_threshold": 4, "description": "table ratings.csv"}


def by_name(data: Path) -> dict[str, Deployment]:
    return {one.name: one for one in deployments(data)}


def own_table(data: Path, **sections: Any) -> Path:
    table = data / "ratings.csv"
    table.write_text("user_id,item_id,rating\nu,i,5\n")
    own_profiles(data).mkdir(exist_ok=True)
    profile = {"dataset": {**OWN, "table": {"interactions": str(table)}}, **sections}
    (own_profiles(data) / "my-shop.yaml").write_text(yaml.safe_dump(profile))
    return table


@pytest.fixture(autouse=True)
def small_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "form_schema", lambda form, choices: {"datasets": choices.datasets})


def test_each_profile_is_a_deployment_beside_the_general_ones(tmp_path: Path) -> None:
    own_table(tmp_path)
    names = {profile.name for profile in list_dataset_profiles(own_profiles(tmp_path))}
    assert "my-shop" in names
    assert by_name(tmp_path).keys() == names | GENERAL


def test_the_dataset_is_fixed_in_its_own_deployment_and_a_choice_in_a_general_one(tmp_path: Path) -> None:
    own_table(tmp_path)
    found = by_name(tmp_path)
    assert found["my-shop"].schema["datasets"] == ("my-shop",)
    assert found["my-shop"].parameters == {"dataset": "my-shop", "llm": "embedded"}
    assert {"my-shop", "sample", "yelp"} <= set(found["tune"].schema["datasets"])


def test_schedules_wait_until_the_files_are_there(tmp_path: Path, shared_dataset: Any) -> None:
    found = by_name(tmp_path)
    assert found["sample"].has_source
    assert not found["movielens"].has_source
    assert "recaudience datasets source movielens PATH" in found["movielens"].description
    set_source(tmp_path, "movielens", shared_dataset("movielens-latest-small"))
    assert by_name(tmp_path)["movielens"].has_source


def test_an_own_tables_source_is_lost_with_its_file(tmp_path: Path) -> None:
    table = own_table(tmp_path)
    assert by_name(tmp_path)["my-shop"].has_source
    table.unlink()
    assert not by_name(tmp_path)["my-shop"].has_source


def test_a_profile_may_have_schedules_of_its_own(tmp_path: Path) -> None:
    own_table(tmp_path, schedule={"reading": None, "training": "30 2 * * 6", "timezone": "Europe/Berlin"})
    (schedule,) = by_name(tmp_path)["my-shop"].schedules
    assert (schedule.name, schedule.cron, schedule.timezone) == ("training", "30 2 * * 6", "Europe/Berlin")


def test_without_them_data_are_read_every_night_and_models_trained_every_week(tmp_path: Path) -> None:
    reading, training = by_name(tmp_path)["sample"].schedules
    assert (reading.cron, reading.parameters["extent"]) == ("0 1 * * *", "reading")
    assert (training.cron, "extent" in training.parameters) == ("0 3 * * 0", False)


def test_every_entrypoint_can_be_imported(tmp_path: Path) -> None:
    for deployment in deployments(tmp_path):
        assert import_object(deployment.entrypoint).name == deployment.flow.name
