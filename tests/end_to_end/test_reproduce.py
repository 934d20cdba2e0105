"""The whole pipeline from the command line, against the real vLLM server with the embedded model.

Small worlds and few prompts keep it to minutes; nothing in it is a stand-in.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from storage.sample.world import generate
from storage.settings.llm_profiles import load_llm_profile
from storage.settings.sample import SampleWorldSettings
from tasks.llm import server as llm_server

pytestmark = pytest.mark.end_to_end
ROOT = Path(__file__).resolve().parents[2]
RECAUDIENCE = Path(sys.executable).parent / "recaudience"
BASELINES = {"global_rate", "item_mean", "user_mean", "bias", "matrix_factorisation", "rating_factorisation"}
MODELS = BASELINES | {"keyword_matching", "similarity", "sasrec", "vote", "ensemble"}
POLICIES = {"random", "popularity", "a2c", "dqn", "ppo", "trpo"}
SMALL_RL = (
    "reinforce.agents.steps=512",
    "reinforce.agents.seeds=[1]",
    "reinforce.agents.evaluation_episodes=16",
    "reinforce.agents.processes=1",
)
SMALL_SAMPLE = (
    "dataset.sample.users=80",
    "dataset.sample.items=40",
    "annotate.max_prompts=90",
    "sasrec.max_epochs=3",
    *SMALL_RL,
)


def arguments(command: str, dataset: str, data: Path, settings: tuple[str, ...], *more: str) -> list[str]:
    sets = [word for setting in settings for word in ("--set", setting)]
    return [str(RECAUDIENCE), command, dataset, "--data", str(data), *sets, *more]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    return result


def read_json(path: Path) -> dict[str, object]:
    return json.loads(path.read_text())


def cached_steps(data: Path, dataset: str) -> set[str]:
    return set(json.loads((data / dataset / "manifest.json").read_text())["cached_steps"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a running server, as `make llm` starts it."""
    folder = tmp_path_factory.mktemp("data")
    run([str(RECAUDIENCE), "llm", "up", "embedded", "--data", str(folder)])
    yield folder
    run([str(RECAUDIENCE), "llm", "down", "embedded", "--data", str(folder)])


def answered(data: Path) -> int:
    handle = llm_server.find(load_llm_profile("embedded"), data / ".llm")
    assert handle is not None
    return llm_server.request_count(handle)


@pytest.fixture(scope="module")
def sample(data: Path) -> Path:
    """The sample world's run, killed in the middle of annotate and started again."""
    command = arguments("reproduce", "sample", data, SMALL_SAMPLE)
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    output = []
    for line in process.stdout:
        output.append(line)
        if "annotate:" in line and " of " in line:
            break
    else:
        raise AssertionError("the run ended before annotate reported progress:\n" + "".join(output)[-4000:])
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    run(command)
    return data / "sample"


def test_a_killed_run_asks_for_no_stored_answer_again(sample: Path, data: Path) -> None:
    summary = json.loads((sample / "manifest.json").read_text())["steps"]["annotate"]["summary"]
    assert summary["from_cache"] > 0
    assert summary["from_cache"] + summary["requests"] <= summary["prompts"] * 1.1, (
        "only unusable answers are asked again"
    )
    before = answered(data)
    (sample / "annotations.parquet").unlink()
    run(arguments("reproduce", "sample", data, SMALL_SAMPLE))
    assert answered(data) == before, "every answer is stored by now, so the server may not be asked again"


def test_the_report_has_every_baseline_model_and_policy(sample: Path) -> None:
    fidelity = read_json(sample / "report" / "fidelity.json")
    assert isinstance(fidelity["models"], dict)
    assert fidelity["models"].keys() >= MODELS | {"best_possible"}
    reinforcement = read_json(sample / "report" / "reinforcement.json")
    assert isinstance(reinforcement["policies"], dict)
    assert reinforcement["policies"].keys() >= POLICIES
    page = (sample / "report" / "index.html").read_text()
    assert all(name in page for name in MODELS | POLICIES)


def test_the_keywords_are_the_models_own_and_grounded(sample: Path) -> None:
    annotations = pl.read_parquet(sample / "annotations.parquet")
    keywords = pl.read_parquet(sample / "keywords.parquet")
    assert annotations.filter(pl.col("status") == "ok").height >= 0.95 * annotations.height
    assert set(annotations["kind"]) == {"objective", "subjective"}
    assert keywords.height > 0
    assert keywords["grounded"].all()


def test_a_second_run_takes_every_step_from_the_cache(sample: Path, data: Path) -> None:
    run(arguments("reproduce", "sample", data, SMALL_SAMPLE))
    run(arguments("reproduce", "sample", data, SMALL_SAMPLE))
    manifest = json.loads((sample / "manifest.json").read_text())
    assert cached_steps(data, "sample") == set(manifest["steps"])


def test_changing_only_the_rl_settings_reruns_only_rl_and_what_reports_it(sample: Path, data: Path) -> None:
    run(arguments("reproduce", "sample", data, SMALL_SAMPLE))
    changed = tuple(s if "steps=" not in s else "reinforce.agents.steps=768" for s in SMALL_SAMPLE)
    run(arguments("reproduce", "sample", data, changed))
    manifest = json.loads((sample / "manifest.json").read_text())
    assert set(manifest["steps"]) - cached_steps(data, "sample") <= {"reinforce", "case-study", "report"}
    assert "reinforce" not in cached_steps(data, "sample")


def test_a_pair_is_explained(sample: Path, data: Path) -> None:
    items = pl.read_parquet(sample / "items.parquet")
    users = pl.read_parquet(sample / "users.parquet")
    result = run(
        [
            str(RECAUDIENCE), "explain", "sample", "--data", str(data), "--json",
            "--user", users["source_id"][0], "--item", items["source_id"][0],
        ]
    )  # fmt: skip
    explanation = json.loads(result.stdout)
    assert 0 <= explanation["probability"] <= 1
    assert len(explanation["votes"]) == 3


def test_real_ratings_and_reviews_run_through(shared_dataset: Callable[[str], Path], data: Path) -> None:
    source = shared_dataset("amazon-digital-music")
    settings = ("annotate.max_prompts=40", "curate.min_items=1", "sasrec.max_epochs=2", *SMALL_RL)
    run(arguments("reproduce", "amazon-music", data, settings, "--source", str(source)))
    folder = data / "amazon-music"
    assert read_json(folder / "report" / "fidelity.json")["n"] == 376
    assert pl.read_parquet(folder / "annotations.parquet").height == 40
    assert pl.read_parquet(folder / "items.parquet").height == 382


def test_a_table_of_ones_own_runs_and_nothing_planted_in_held_out_rows_gets_out(tmp_path: Path, data: Path) -> None:
    marker = "zzqleak"
    world = generate(SampleWorldSettings(users=40, items=20, ratings_per_user=12), 3, seed=3)
    latest = pl.col("timestamp").rank("ordinal", descending=True).over("user_id") <= 2
    praise = pl.lit(f"The {marker} here is wonderful. I came for the {marker} and the friendly {marker}.")
    planted = world.interactions.with_columns(review_text=pl.when(latest).then(praise).otherwise("review_text"))
    planted.write_csv(tmp_path / "ratings.csv")
    world.items.with_columns(pl.col("categories").list.join("|")).write_csv(tmp_path / "items.csv")
    files = ("--interactions", str(tmp_path / "ratings.csv"), "--items", str(tmp_path / "items.csv"))
    run([str(RECAUDIENCE), "datasets", "add", "own", *files, "--noun", "place", "--data", str(data)])
    settings = ("annotate.max_prompts=80", "annotate.subjective_share=0.8", "curate.min_items=1", "sasrec.max_epochs=2")
    run(arguments("reproduce", "own", data, (*settings, *SMALL_RL)))
    folder = data / "own"
    rows = pl.read_parquet(folder / "interactions.parquet")
    reviews = rows.filter(pl.col("review_text").str.contains(marker))
    assert set(reviews["split"]) == {"validation", "test"}
    annotations = pl.read_parquet(folder / "annotations.parquet")
    assert annotations.filter(kind="subjective").height > 10
    for path in folder.rglob("*"):
        if path.suffix == ".parquet" and path.name != "interactions.parquet":
            assert marker not in str(pl.read_parquet(path).rows()).lower(), path
        elif path.is_file() and path.name != "interactions.parquet":
            assert marker.encode() not in path.read_bytes().lower(), path
