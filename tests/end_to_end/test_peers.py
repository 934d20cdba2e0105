"""Peers asked of the real vLLM with the first layers of the embedded model, whose log-probabilities are read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from models.estimators.feedback_transformer import FeedbackTransformerSettings
from storage.completion_upkeep import PEER_ANSWERS
from storage.settings.datasets import load_dataset_settings
from storage.settings.llm_profiles import load_llm_profile
from tasks.evaluation.fidelity import FidelitySettings, evaluate_fidelity
from tasks.evaluation.peer_settings import PeerSettings
from tasks.evaluation.peers import load_peers, peers
from tasks.llm.server import on_demand
from tests.end_to_end.shortened_model import shortened_profile
from tests.support.trained_runs import write_trained_run

pytestmark = [pytest.mark.end_to_end, pytest.mark.long]


def test_a_real_server_gives_probabilities_of_ratings_and_words(tmp_path: Path) -> None:
    folder = write_trained_run(tmp_path / "sample")
    evaluate_fidelity.function(folder, FidelitySettings(resamples=20))
    profile = load_llm_profile(str(shortened_profile(tmp_path, concurrency=8)))
    settings = PeerSettings(
        pairs=5,
        resamples=20,
        max_failed_share=1.0,  # of two layers nobody expects an answer
        transformer=FeedbackTransformerSettings(max_epochs=1),
    ).of_run(load_dataset_settings("sample"), profile)
    with on_demand(profile, tmp_path / ".llm") as server:
        peers.given(source=server).function(folder, settings)
    table = load_peers(folder)
    assert table is not None
    assert (table.pairs, table.model) == (5, "short")
    for name in ("llm_rating", "llm_yes_no"):
        row = table.rows[name]
        assert row.answers_per_second
        assert row.tokens_per_thousand >= 0
    answers = pl.read_parquet(folder.path(PEER_ANSWERS))
    assert answers.height == 10
    with on_demand(profile, tmp_path / ".llm") as server:
        peers.given(source=server).function(folder, settings)
        assert server.started is None, "answers with probabilities come from the completion cache"
    assert pl.read_parquet(folder.path(PEER_ANSWERS)).equals(answers)
