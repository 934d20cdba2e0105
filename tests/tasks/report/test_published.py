"""A run with the preset `paper` shows the published figures beside its own, marked as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.report.build import ReportSettings, report
from tasks.report.data import load_report_data
from tasks.report.published import published_comparison, published_results, published_rows
from tests.support.report_runs import finished_run


def page(root: Path, name: str) -> str:
    folder = finished_run(root, name)
    report.function(folder, ReportSettings())
    return folder.path("report/index.html").read_text(encoding="utf-8")


def test_published_and_own_figures_stand_side_by_side(tmp_path: Path) -> None:
    rows = published_rows(finished_run(tmp_path, "amazon-music@paper"))
    assert rows is not None
    assert rows[0][1:3] == ["Average reward, published", "Average reward, here"]
    own = {row[0]: row[1:] for row in rows[1:]}
    assert list(own) == ["PPO", "TRPO", "A2C", "DQN"]
    assert own["PPO"] == ["10.49", "12.00", "129.03", "1,002", "29.30", "50.00"]
    assert own["DQN"] == ["16.70", "–", "181.42", "–", "33.18", "–"], "what was not trained here is not filled in"


def test_the_page_marks_what_is_published_and_says_what_differs(tmp_path: Path) -> None:
    html = page(tmp_path, "anime@paper")
    assert "printed in Table 2 of the paper" in html
    for words in ("Anime (Kaggle, CooperUnion)", "6,111,860", "10,000", "ChatGLM-6B", "1,600,000 (DQN)", "not defined"):
        assert words in html
    assert "Preset\n<code>paper</code>" in html


def test_a_dataset_that_the_paper_does_not_have_is_said_to_have_no_figures(tmp_path: Path) -> None:
    folder = finished_run(tmp_path, "tiny@paper")
    rows = published_rows(folder)
    assert rows is not None
    assert rows[1] == ["PPO", "–", "12.00", "–", "1,002", "–", "50.00"]
    assert "The paper has no figures for this dataset" in page(tmp_path, "tiny@paper")


@pytest.mark.parametrize("name", ["anime", "anime@time"])
def test_a_run_without_the_preset_shows_no_published_figures(tmp_path: Path, name: str) -> None:
    folder = finished_run(tmp_path, name)
    assert published_comparison(folder, load_report_data(folder)) is None
    assert 'id="published"' not in page(tmp_path, name)


def test_the_five_datasets_of_the_paper_are_there() -> None:
    results = published_results()
    assert sorted(results) == ["amazon-games", "amazon-movies", "amazon-music", "anime", "yelp"]
    assert results["yelp"].policies["dqn"] == (27.56, 330.98, 49.43)
    assert results["amazon-movies"].interactions == 972_536
