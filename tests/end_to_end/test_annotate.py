"""Language models compared, and asked without a server: the real vLLM with the first layers of the embedded model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from flows.settings import Settings
from storage.contracts import ANNOTATIONS
from storage.run_folder import RunFolder
from storage.tables import read_table
from tasks.llm.server import on_demand
from tasks.steps.annotate import annotate
from tasks.steps.ingest import ingest
from tests.end_to_end.shortened_model import shortened_profile

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]
RECAUDIENCE = Path(sys.executable).parent / "recaudience"
PROMPTS = 40
SET = ("curate.min_items=1", "annotate.max_failed_share=1")


def compare(data: Path, *profiles: Path) -> str:
    words = [str(RECAUDIENCE), "annotate", "compare", *map(str, profiles), "--data", str(data)]
    words += ["--max-prompts", str(PROMPTS), *(word for one in SET for word in ("--set", one)), "--json"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result.stdout


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same model asked for its likeliest answer, and for a drawn one."""
    folder = tmp_path_factory.mktemp("models")
    likeliest = shortened_profile(folder, concurrency=8)
    drawn = folder / "drawn.yaml"
    drawn.write_text(
        likeliest.read_text().replace("name: short\n", "name: drawn\n", 1).replace("temperature: 0", "temperature: 1")
    )
    return likeliest, drawn


@pytest.fixture(scope="module")
def compared(profiles: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict]]:
    """The data folder, and the figures of both by name."""
    data = tmp_path_factory.mktemp("data")
    figures = json.loads(compare(data, *profiles))
    assert (figures["dataset"], figures["split"]) == ("sample", "tail")
    return data, {one["profile"]: one for one in figures["profiles"]}


def test_two_profiles_are_compared_by_quality_and_cost(compared: tuple[Path, dict[str, dict]]) -> None:
    data, figures = compared
    assert list(figures) == ["short", "drawn"]
    for name, one in figures.items():
        table = read_table(data / ".compare" / "sample" / name / "annotations.parquet", ANNOTATIONS)
        assert (one["prompts"], one["items"]) == (PROMPTS, table["item_id"].n_unique())
        assert one["valid"] == (table["status"] == "ok").mean()
        asked = one["output_tokens"] * one["items"] / 1000
        assert round(asked) >= table["output_tokens"].sum(), "answers that could not be used count too"
        assert one["seconds"] > 0
    tables = [pl.read_parquet(data / ".compare" / "sample" / name / "annotations.parquet") for name in figures]
    assert not tables[0].drop("prompt_hash").equals(tables[1].drop("prompt_hash")), "two samplings, two tables"


def test_a_second_comparison_asks_nothing(compared: tuple[Path, dict[str, dict]], profiles: tuple[Path, Path]) -> None:
    data, figures = compared
    logs = {path: path.stat().st_mtime_ns for path in (data / ".llm").glob("*.log")}
    assert len(logs) == 2
    again = json.loads(compare(data, *profiles))
    assert {one["profile"]: one for one in again["profiles"]} == figures
    assert {path: path.stat().st_mtime_ns for path in (data / ".llm").glob("*.log")} == logs, "a server was started"


def test_without_a_server_the_answers_are_the_same(
    compared: tuple[Path, dict[str, dict]], profiles: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = Settings.load(
        "sample", None, str(profiles[0]), "tail", {"annotate.max_prompts": PROMPTS, "annotate.max_failed_share": 1}
    )
    folder = RunFolder(tmp_path / "sample")
    ingest.function(folder, settings.ingest)
    asked = settings.annotate.of_model(settings.llm, noun=settings.dataset.noun)
    asked = asked.model_copy(update={"client": asked.client.model_copy(update={"offline": True})})
    with on_demand(settings.llm, tmp_path / ".llm") as source:
        summary = annotate.given(source=source).function(folder, asked)
        assert source.started is None, "a server was started"
    online = read_table(compared[0] / ".compare" / "sample" / "short" / "annotations.parquet", ANNOTATIONS)
    assert read_table(folder.path("annotations.parquet"), ANNOTATIONS).equals(online)
    assert summary["asked"] == PROMPTS
    assert (tmp_path / ".llm" / "short.batch.log").is_file()
