"""What the user's environment says about Prefect is kept; errors for the user are logged without a traceback."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from flows.prefect_environment import configure_prefect, show_expected_errors_without_traceback
from storage.errors import SettingsError


def test_prefects_home_is_in_the_data_folder_unless_the_user_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "own"))
    configure_prefect(tmp_path / "data")
    assert (tmp_path / "own").is_dir()
    assert not (tmp_path / "data" / ".prefect").exists()


@pytest.mark.parametrize(("error", "kept"), [(SettingsError("unknown dataset"), False), (KeyError("bug"), True)])
def test_only_unexpected_errors_keep_their_traceback(error: Exception, kept: bool) -> None:
    show_expected_errors_without_traceback()
    record = logging.LogRecord("prefect.flow_runs", logging.ERROR, "", 1, "failed", (), (type(error), error, None))
    assert logging.getLogger("prefect.flow_runs").filter(record)
    assert (record.exc_info is not None) == kept
    assert str(error) in record.getMessage() or kept
