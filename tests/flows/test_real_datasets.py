"""Each folder of real data is read whole, by one command, under the profile that recaudience ships for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.commands.command_line import app


@pytest.mark.parametrize(
    ("name", "folder", "counts"),
    [
        (
            "amazon-music",
            "amazon-digital-music",
            {
                "version": "Amazon reviews 2014",
                "rows_read": 6_908,
                "rows_left_out": {},
                "users": 329,
                "items": 382,
                "interactions": 3_177,
                "with_review": 3_177,
                "users_dropped": 2_161,
            },
        ),
        (
            "anime",
            "anime",
            {
                "version": "Anime 2020 with synopses",
                "rows_read": 253_881,
                "rows_left_out": {"entries without a rating": 25_125},
                "users": 1_684,
                "items": 7_021,
                "interactions": 253_484,
                "with_review": 0,
                "users_dropped": 202,
            },
        ),
        (
            "metacritic-games",
            "metacritic-games",
            {
                "version": "table (csv)",
                "rows_read": 48_041,
                "rows_left_out": {},
                "users": 2_806,
                "items": 6_772,
                "interactions": 35_817,
                "with_review": 0,
                "users_dropped": 3_665,
            },
        ),
        (
            "movielens",
            "movielens-latest-small",
            {
                "version": "MovieLens latest-small",
                "rows_read": 100_836,
                "rows_left_out": {},
                "users": 610,
                "items": 9_724,
                "interactions": 100_836,
                "with_review": 0,
                "users_dropped": 0,
            },
        ),
    ],
)
def test_a_real_folder_is_read_whole_by_one_command(
    tmp_path: Path, shared_dataset: Callable[[str], Path], name: str, folder: str, counts: dict[str, object]
) -> None:
    source = shared_dataset(folder)
    command = ["datasets", "check", name, "--source", str(source), "--json", "--data", str(tmp_path)]
    summary = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).output)["summary"]
    assert {key: summary[key] for key in counts} == counts
    assert (summary["rows_skipped"], summary["repeated_pairs"], summary["items_without_metadata"]) == (0, 0, 0)
    assert sum(part["interactions"] for part in summary["splits"].values()) == counts["interactions"]
