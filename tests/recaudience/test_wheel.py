"""The installed wheel works outside of the repository, in a folder that has a package `models` of its own."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.support.readme import readme_example
from tests.support.trained_runs import write_finished_run
from tests.support.wheels import REPOSITORY, Installation, install_wheel


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install_wheel(tmp_path_factory.mktemp("wheel"))


def output_of(installation: Installation, *arguments: str) -> str:
    result = installation.python(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_wheel_has_one_top_level_name(installation: Installation) -> None:
    with zipfile.ZipFile(installation.wheel) as wheel:
        names = wheel.namelist()
        top_level = next(name for name in names if name.endswith("top_level.txt"))
        assert wheel.read(top_level).split() == [b"recaudience"]
    assert {name.split("/")[0].split("-")[0] for name in names} == {"recaudience"}


def test_every_file_that_is_no_module_travels_along(installation: Installation) -> None:
    data = {
        path.relative_to(REPOSITORY)
        for folder in (
            "models",
            "tasks",
            "storage",
            "flows",
            "deployments/datasets",
            "deployments/llm",
            "deployments/presets",
        )
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in {".yaml", ".jinja", ".css"}
    }
    assert Path("models/reading/templates/zh/few_shot/examples.yaml") in data
    missing = [path for path in data if not (installation.target / "recaudience" / path).is_file()]
    assert missing == []


def test_the_projects_own_package_stays_the_one_that_its_name_imports(installation: Installation) -> None:
    program = (
        "import importlib.util, models, recaudience;"
        "print(models.OWNER, recaudience.__file__, importlib.util.find_spec('tasks'))"
    )
    owner_and_file = f"the project {installation.target / 'recaudience' / '__init__.py'}"
    assert output_of(installation, "-c", program).strip() == f"{owner_and_file} None"


def test_the_command_line_works(installation: Installation) -> None:
    assert output_of(installation, "-m", "recaudience", "--version").strip() == "recaudience 0.1.0"
    assert "amazon-music" in output_of(installation, "-m", "recaudience", "datasets")
    assert "sample" in output_of(installation, "-m", "recaudience", "datasets", "check", "sample")


def test_prompts_report_and_deployments_find_their_files(installation: Installation) -> None:
    program = """
from pathlib import Path
from recaudience.flows.serving.deployments import deployments
from recaudience.models.reading.prompts import ItemFacts, PromptSettings, objective_prompt
facts = ItemFacts("Salt and Ember", "warm light")
print(objective_prompt(facts, "pro", PromptSettings()).messages[-1]["content"])
print("entrypoint:", deployments(Path("data"))[0].entrypoint)
"""
    printed = output_of(installation, "-c", program)
    assert "Salt and Ember" in printed
    assert "entrypoint: recaudience.flows.serving.deployed.reproduce_form" in printed


def test_a_language_model_that_is_not_installed_leads_to_a_running_server(installation: Installation) -> None:
    result = installation.python("-m", "recaudience", "llm", "up", "embedded")
    assert result.returncode == 1
    assert "name a running server: --llm my-server.yaml" in result.stderr


@pytest.mark.long
def test_the_readmes_example_runs_beside_a_package_models_of_the_projects_own(installation: Installation) -> None:
    write_finished_run(installation.project / "data" / "sample")
    printed = output_of(installation, "-c", readme_example())
    assert [line.split()[0] for line in printed.splitlines()] == [
        "Policy",
        "PPO",
        "Policy",
        "Unseen",
        "User",
        "P(like)",
    ]
