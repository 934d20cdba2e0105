"""`recaudience annotate compare` says what is wrong before anything is started."""

from __future__ import annotations

import pytest

from storage.errors import SettingsError
from tests.flows.commands.test_command_line import environment, error_of

__all__ = ["environment"]


@pytest.mark.parametrize("profiles", [["embedded"], ["embedded", "embedded"]])
def test_a_comparison_needs_two_profiles(profiles: list[str]) -> None:
    error = error_of("annotate", "compare", *profiles)
    assert isinstance(error, SettingsError)
    assert "two or more profiles of different names, found embedded" in str(error)


def test_a_misspelt_profile_is_named_with_the_known_ones() -> None:
    assert "Did you mean 'embedded'" in str(error_of("annotate", "compare", "embeded", "openai"))


def test_a_misspelt_dataset_is_named_with_the_known_ones() -> None:
    assert "Did you mean 'sample'" in str(
        error_of("annotate", "compare", "embedded", "chatglm3-6b", "--dataset", "sampel")
    )
