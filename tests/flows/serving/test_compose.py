"""deployments/compose.yaml, as far as it can be checked without an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from sqlalchemy.engine import make_url

from flows.commands.command_line import app
from storage.settings.llm_profiles import REPOSITORY, load_llm_profile

FOLDER = REPOSITORY / "deployments"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


def test_only_the_ui_has_a_port_and_it_is_on_loopback(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"prefect": ["127.0.0.1:4200:4200"]}


def test_secrets_come_from_the_environment_and_are_asked_for(compose: dict[str, Any]) -> None:
    text = (FOLDER / "compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "VLLM_API_KEY"):
        assert f"${{{name}:?" in text
    values = [str(v) for service in compose["services"].values() for v in service.get("environment", {}).values()]
    assert all("${" in value for value in values if "PASSWORD" in value or "KEY" in value)
    assert not re.search(r"(PASSWORD|API_KEY): (?!\$\{)", text)


def test_services_and_volumes_that_are_named_exist(compose: dict[str, Any]) -> None:
    services, volumes = compose["services"], compose["volumes"]
    for service in services.values():
        assert service.get("depends_on", {}).keys() <= services.keys()
        named = [volume.split(":")[0] for volume in service.get("volumes", ()) if re.match(r"[a-z]", volume)]
        assert set(named) <= volumes.keys()
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services[name]


def test_prefects_database_is_reached_by_a_driver_of_the_lock(compose: dict[str, Any]) -> None:
    services = compose["services"]
    url = make_url(services["prefect"]["environment"]["PREFECT_SERVER_DATABASE_CONNECTION_URL"])
    assert (url.get_dialect().driver, url.host, url.port) == ("asyncpg", "database", 5432)
    assert url.username == services["database"]["environment"]["POSTGRES_USER"]
    assert url.database == services["database"]["environment"]["POSTGRES_DB"]


def test_the_workers_command_is_one_of_the_command_line(compose: dict[str, Any]) -> None:
    first, name, *options = compose["services"]["worker"]["command"]
    assert first == "recaudience"
    commands = typer.main.get_group(app).commands
    context = commands[name].make_context(name, options)
    assert context.params["server"] == "http://prefect:4200/api"
    assert context.params["data"] == Path("/data")
    assert context.params["llm"] == "service"


def test_the_profile_service_is_what_the_language_model_service_serves(compose: dict[str, Any]) -> None:
    profile, services = load_llm_profile("service"), compose["services"]
    arguments = dict(argument.lstrip("-").partition("=")[::2] for argument in services["llm"]["command"])
    assert profile.base_urls == (f"http://llm:{arguments['port']}/v1",)
    assert arguments["model"] == profile.model
    assert arguments["served-model-name"] == profile.served_name
    assert int(arguments["max-model-len"]) == profile.context_length
    assert int(arguments["max-num-seqs"]) == profile.concurrency
    assert profile.api_key_env in services["llm"]["environment"]
    assert profile.api_key_env in services["worker"]["environment"]


def test_the_language_model_servers_version_is_that_of_the_lock(compose: dict[str, Any]) -> None:
    locked = re.search(r"^vllm==(\S+)$", (FOLDER / "locks" / "llm-gpu.lock").read_text(), flags=re.MULTILINE)
    assert locked is not None
    assert compose["services"]["llm"]["image"] == f"vllm/vllm-openai:v{locked[1]}"


def test_the_image_copies_what_is_there(compose: dict[str, Any]) -> None:
    assert compose["services"]["worker"]["build"] == {"context": "..", "dockerfile": "deployments/Dockerfile"}
    copies = [
        line.split()[1:-1] for line in (FOLDER / "Dockerfile").read_text().splitlines() if line.startswith("COPY")
    ]
    assert all((REPOSITORY / name).exists() for names in copies for name in names)
    packages = {"flows", "tasks", "models", "storage", "recaudience", "deployments"}
    assert packages <= {name for names in copies for name in names}
