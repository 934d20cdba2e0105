"""train_sasrec, fit_ensemble and evaluate_fidelity on one small run folder."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from markupsafe import escape

from models.estimators.feedback_transformer import FeedbackTransformerSettings
from models.fidelity.training_gain import BOTH, ITEM_MEANS, SIMULATED, TRAIN, Quality, TrainingSet
from models.metrics.intervals import Estimate
from models.response.sasrec.settings import SASRecSettings
from storage.contracts import INTERACTIONS, TRUTH
from storage.errors import DataError
from storage.files import content_hash, publish_json
from storage.run_folder import RunFolder
from storage.tables import read_table, write_table
from tasks.evaluation.ablation import AblationSettings, ablate_ensemble
from tasks.evaluation.behaviour import BehaviourSettings, evaluate_behaviour
from tasks.evaluation.data_size import DataSizeSettings, data_size, with_share
from tasks.evaluation.fidelity import FidelitySettings, evaluate_fidelity, load_fidelity, read_predictions
from tasks.evaluation.peer_settings import PeerSettings
from tasks.evaluation.peers import PEERS, peers
from tasks.evaluation.training_gain import TrainingGainOfRun
from tasks.loading import load_interactions, load_simulator
from tasks.report.card import CardSettings, card
from tasks.report.card_tables import card_tables
from tasks.report.data import load_report_data
from tasks.report.tables import label
from tasks.steps.fit_ensemble import EnsembleSettings, fit_ensemble
from tasks.steps.fit_patience import PatienceSettings, fit_patience
from tasks.steps.train_sasrec import train_sasrec
from tests.support.chat_server import chat_server, first_token_reply
from tests.support.trained_runs import N_ITEMS, N_USERS, write_trained_run

FIDELITY = FidelitySettings(resamples=20)
NAMES = {
    "global_rate",
    "item_mean",
    "user_mean",
    "bias",
    "matrix_factorisation",
    "rating_factorisation",
    "sasrec_paper",
    "gradient_boosting",
    "keyword_matching",
    "similarity",
    "statistics",
    "sasrec",
    "vote",
    "ensemble",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trained_run(tmp_path_factory.mktemp("data") / "small@loo").root


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished, tmp_path / finished.name)
    return RunFolder(tmp_path / finished.name)


def _fit_again(folder: RunFolder) -> None:
    train_sasrec.function(folder, SASRecSettings(width=8, heads=2, blocks=1, max_history=10, max_epochs=1))
    fit_ensemble.function(folder, EnsembleSettings(max_history=10, neutral_pairs=20))
    fit_patience.function(folder, PatienceSettings())


def _flip(folder: RunFolder, split: str) -> None:
    """Turn every reaction of a split into its opposite."""
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    flipped = pl.when(pl.col("split") == split).then(~pl.col("like")).otherwise(pl.col("like"))
    rating = pl.when(pl.col("split") == split).then(6 - pl.col("rating")).otherwise(pl.col("rating"))
    rows = rows.with_columns(like=flipped, rating=rating.cast(pl.Float32))
    write_table(folder.path("interactions.parquet"), rows, INTERACTIONS)


def test_test_reactions_reach_no_checkpoint(folder: RunFolder) -> None:
    before = [content_hash(folder.path(name)) for name in ("sasrec", "ensemble")]
    _flip(folder, "test")
    _fit_again(folder)
    assert [content_hash(folder.path(name)) for name in ("sasrec", "ensemble")] == before


def test_validation_reactions_reach_the_stack_but_not_the_bias_model(folder: RunFolder) -> None:
    names = ("ensemble/model.json", "ensemble/arrays.safetensors")
    before = [content_hash(folder.path(name)) for name in names]
    _flip(folder, "validation")
    _fit_again(folder)
    after = [content_hash(folder.path(name)) for name in names]
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_the_card_has_every_model_the_comparisons_and_the_reliability(folder: RunFolder) -> None:
    summary = evaluate_fidelity.function(folder, FIDELITY)
    card = load_fidelity(folder)
    assert card is not None
    assert (card.dataset, card.split, card.n) == ("small", "loo", N_USERS)
    assert set(card.models) == NAMES
    against = {c.against for c in card.comparisons if c.model == "ensemble"}
    assert against == {
        "bias",
        "matrix_factorisation",
        "rating_factorisation",
        "sasrec_paper",
        "vote",
        "gradient_boosting",
    }
    assert all(sum(b.n for b in bins) == N_USERS for bins in card.reliability.values())
    assert card.truth is None
    assert summary["test_pairs"] == N_USERS
    assert load_report_data(folder).training is not None


def test_predictions_hold_every_models_score_of_every_test_pair(folder: RunFolder) -> None:
    evaluate_fidelity.function(folder, FIDELITY)
    predictions = pl.read_parquet(folder.path("report/predictions.parquet"))
    test = load_interactions(folder, ("test",))
    assert {name for name in predictions.columns if "." not in name} == NAMES | {"user_id", "item_id", "like"}
    assert predictions["item_id"].to_list() == test.items.tolist()
    assert predictions["vote"].is_in([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]).all()


def test_predictions_come_back_as_they_were_and_not_for_other_pairs(folder: RunFolder) -> None:
    evaluate_fidelity.function(folder, FIDELITY)
    test, simulator = load_interactions(folder, ("test",)), load_simulator(folder)
    read = read_predictions(folder, test)
    bias = simulator.models.bias.probabilities(test.users, test.items)
    assert set(read) == NAMES
    assert np.array_equal(read["bias"].probabilities, bias)
    assert np.array_equal(read["bias"].decisions, bias >= 0.5)
    assert read["vote"].probabilities.max() <= 1 < read["vote"].scores.max()
    with pytest.raises(DataError, match=r"predictions\.parquet.*evaluate-fidelity"):
        read_predictions(folder, load_interactions(folder, ("validation",)))


def test_where_the_truth_is_known_it_bounds_the_table(folder: RunFolder) -> None:
    test = load_interactions(folder, ("test",))
    probability = np.full((N_USERS, N_ITEMS), 0.5, dtype=np.float32)
    probability[test.users, test.items] = np.where(test.likes, 0.9, 0.1)
    users, items = np.divmod(np.arange(N_USERS * N_ITEMS), N_ITEMS)
    truth = pl.DataFrame({"user_id": users, "item_id": items, "probability": probability.ravel()})
    write_table(folder.path("truth.parquet"), truth, TRUTH)
    evaluate_fidelity.function(folder, FIDELITY)
    card = json.loads(folder.path("report/fidelity.json").read_text())
    assert card["models"]["best_possible"]["auc"] == 1.0
    assert set(card["truth"]) == NAMES
    assert card["truth"]["global_rate"]["auc_below_best"] == 0.5
    assert card["truth"]["global_rate"]["correlation"] == 0.0


def test_the_simulator_comes_back_as_it_was_fitted(folder: RunFolder) -> None:
    evaluate_fidelity.function(folder, FIDELITY)
    test = load_interactions(folder, ("test",))
    simulator = load_simulator(folder)
    histories = simulator.interactions.histories(test.users, simulator.max_history)
    responses = simulator.respond(test.users, test.items, histories, np.zeros((len(test), 3)))
    predictions = pl.read_parquet(folder.path("report/predictions.parquet"))
    assert responses.rated_probability == pytest.approx(predictions["ensemble"].to_numpy(), abs=1e-6)
    assert responses.sasrec_probability == pytest.approx(predictions["sasrec"].to_numpy(), abs=1e-6)


def test_a_checkpoint_of_another_shape_is_named(folder: RunFolder) -> None:
    settings = json.loads(folder.path("sasrec/settings.json").read_text())
    publish_json(folder.path("sasrec/settings.json"), settings | {"width": 16})
    with pytest.raises(DataError, match=r"model\.safetensors.*expected float32 of shape"):
        load_simulator(folder)


def test_an_ensemble_of_other_features_is_refused(folder: RunFolder) -> None:
    model = json.loads(folder.path("ensemble/model.json").read_text())
    model["ensemble"]["names"][0] = "horoscope"
    publish_json(folder.path("ensemble/model.json"), model)
    with pytest.raises(DataError, match="horoscope"):
        load_simulator(folder)


def test_checkpoints_hold_no_pickle(folder: RunFolder) -> None:
    names = {path.name for name in ("sasrec", "ensemble") for path in folder.path(name).iterdir()}
    assert names == {
        "factors.safetensors",
        "model.safetensors",
        "published.safetensors",
        "settings.json",
        "training.json",
        "arrays.safetensors",
        "words.parquet",
        "ease.safetensors",
        "kinds.safetensors",
        "model.json",
    }


def test_the_whole_card_is_published_and_reads_as_tables(folder: RunFolder) -> None:
    evaluate_fidelity.function(folder, FIDELITY)
    evaluate_behaviour.function(folder, BehaviourSettings(resamples=10))
    settings = EnsembleSettings(max_history=10, neutral_pairs=20)
    folder.path("profiles").mkdir()
    shutil.copyfile(folder.path("keywords.parquet"), folder.path("profiles/other-model.parquet"))
    ablate_ensemble.function(folder, AblationSettings(ensemble=settings, resamples=10))
    fast = SASRecSettings(width=8, heads=2, blocks=1, max_history=10, max_epochs=1)
    less = DataSizeSettings(shares=(0.5,), sasrec=fast, ensemble=settings, fidelity=FIDELITY)
    data_size.function(folder, less)
    sizes = json.loads(folder.path("report/data_size.json").read_text())["sizes"]
    assert [size["share"] for size in sizes] == [0.5, 1.0]
    assert sizes[0]["train_interactions"] < sizes[1]["train_interactions"]
    assert {"bias", "sasrec", "ensemble"} <= set(sizes[0]["models"])
    assert not list(folder.root.parent.glob(".data-size-*"))
    variants = json.loads(folder.path("report/ablation.json").read_text())["variants"]
    assert variants[0]["variant"] == "without keywords and similarity"
    assert {"TF-IDF words instead of keywords", "keywords of other-model"} <= {row["variant"] for row in variants}
    with chat_server(lambda n, body: (200, first_token_reply({"4": 0.5, "yes": 0.3, "no": 0.2}))) as server:
        asked = PeerSettings(transformer=FeedbackTransformerSettings(max_epochs=1), resamples=10, model="fake")
        peers.given(source=server).function(folder, asked)
    write_training_gain(folder)
    tables = {table.title: table.rows for table in card_tables(folder)}
    assert tables["Training gain, on the test lists of 5 users, 10 pairs"][1][:2] == ["EASE", "train rows"]
    of_peers = next(rows for title, rows in tables.items() if title.startswith("Peers, on "))
    assert [row[0] for row in of_peers[1:4]] == [label(name) for name in PEERS]
    assert {"Response prediction", "What each part is worth", "Too positive, too fond of the popular"} <= set(tables)
    assert all(len(row) == len(rows[0]) for rows in tables.values() for row in rows)
    assert card.function(folder, CardSettings())["sections"] == len(tables)
    page = folder.path("report/card.html").read_text()
    for title, rows in tables.items():
        assert f"<h2>{escape(title)}</h2>" in page
        assert f">{escape(rows[1][0])}</th>" in page
    assert "<svg" in page


def write_training_gain(folder: RunFolder) -> None:
    """One recommender's, of the run's predictions."""
    number = Estimate(mean=0.5, ci95=(0.4, 0.6))
    quality = Quality(value=number, over_train=number, over_item_means=number)
    fitted = TrainingSet(interactions=3, like_rate=0.5, auc=quality, ndcg=quality)
    gain = TrainingGainOfRun(
        users=5,
        pairs=10,
        draws=1,
        test_pairs_drawn=0.1,
        recommenders={"ease": dict.fromkeys((TRAIN, BOTH, SIMULATED, ITEM_MEANS), fitted)},
        dataset="small@loo",
        of_predictions=content_hash(folder.path("report/predictions.parquet")),
    )
    publish_json(folder.path("report/training_gain.json"), gain.model_dump(mode="json"))


def test_less_to_learn_from_takes_train_rows_of_every_user_and_nothing_else(folder: RunFolder) -> None:
    whole = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    quarter, half = (with_share(whole, share, seed=0) for share in (0.25, 0.5))
    for split in ("validation", "test"):
        assert quarter.filter(split=split).equals(whole.filter(split=split))
    train, of_user = whole.filter(split="train"), ["user_id"]
    counts = half.filter(split="train").group_by(of_user, maintain_order=True).len()
    expected = train.group_by(of_user, maintain_order=True).agg((pl.len() * 0.5).ceil().cast(pl.UInt32).alias("len"))
    assert counts.equals(expected)
    pair = ["user_id", "item_id"]
    assert quarter.join(half, on=pair, how="anti").is_empty()
    assert not with_share(whole, 0.5, seed=1).equals(half)
