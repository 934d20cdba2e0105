"""Peers judged beside the run's own models, with the tests' chat server as the language model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from models.estimators.feedback_transformer import FeedbackTransformerSettings
from storage.completion_upkeep import PEER_ANSWERS, used_prompts
from storage.contracts import ANNOTATIONS, INTERACTIONS, polars_schema
from storage.errors import AnnotationError, ServerError
from storage.run_folder import RunFolder
from storage.tables import read_table, write_table
from tasks.evaluation.fidelity import FidelitySettings, evaluate_fidelity
from tasks.evaluation.peer_settings import PeerSettings
from tasks.evaluation.peers import OURS, PEERS, drawn_rows, load_peers, peers
from tasks.llm.settings import ClientSettings
from tests.support.chat_server import ChatServer, chat_server, first_token_reply
from tests.support.trained_runs import N_USERS, write_trained_run

SETTINGS = PeerSettings(
    transformer=FeedbackTransformerSettings(width=4, heads=1, history=5, max_epochs=1),
    resamples=20,
    model="fake",
    noun="thing",
    client=ClientSettings(attempts=2, first_pause_seconds=0.001, longest_pause_seconds=0.002, restarts=0),
)
RATINGS = {"4": 0.5, "2": 0.25, "The": 0.25}
WORDS = {"yes": 0.6, "no": 0.2, "It": 0.2}


def respond(number: int, body: dict) -> tuple[int, str]:
    """A fixed answer to each kind of question."""
    question = body["messages"][-1]["content"]
    return 200, first_token_reply(WORDS if question.endswith("yes or no.") else RATINGS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return evaluated(tmp_path_factory.mktemp("data") / "tiny")


def evaluated(root: Path) -> RunFolder:
    folder = write_trained_run(root)
    evaluate_fidelity.function(folder, FidelitySettings(resamples=20))
    return folder


def judge(
    folder: RunFolder,
    completions: Path,
    behave: Callable[[int, dict], tuple[int, str]] = respond,
    settings: PeerSettings = SETTINGS,
) -> ChatServer:
    with chat_server(behave) as server:
        peers.given(source=server, completions=completions).function(folder, settings)
    return server


def test_all_are_judged_by_the_same_pairs(folder: RunFolder, tmp_path: Path) -> None:
    judge(folder, tmp_path / "c.sqlite")
    table = load_peers(folder)
    assert table is not None
    assert (table.pairs, table.test_pairs, table.model) == (N_USERS, N_USERS, "fake")
    assert table.rows.keys() == {*PEERS, *OURS}
    for name, row in table.rows.items():
        assert row.auc_ci95[0] <= row.auc_ci95[1]
        assert row.answers_per_second is not None
        assert row.answers_per_second > 0
        assert row.tokens_per_thousand == (100_000 if name.startswith("llm") else 0)
    assert table.rows["ensemble"].over_ensemble == 0
    assert table.rows["llm_yes_no"].answer_mass == pytest.approx(0.8)


def test_scores_are_expected_ratings_and_the_share_of_yes(folder: RunFolder, tmp_path: Path) -> None:
    judge(folder, tmp_path / "c.sqlite")
    answers = pl.read_parquet(folder.path(PEER_ANSWERS))
    ratings = answers.filter(peer="llm_rating")
    assert ratings["score"].to_list() == pytest.approx([(4 * 0.5 + 2 * 0.25) / 0.75] * N_USERS)
    assert ratings["probability"].to_list() == pytest.approx([2 / 3] * N_USERS)
    assert answers.filter(peer="llm_yes_no")["probability"].to_list() == pytest.approx([0.75] * N_USERS)


def test_prompts_show_train_reactions_and_the_candidate_only(folder: RunFolder, tmp_path: Path) -> None:
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    train = {
        (user, item): rating
        for user, item, rating in rows.filter(split="train").select("user_id", "item_id", "rating").iter_rows()
    }
    server = judge(folder, tmp_path / "c.sqlite", settings=SETTINGS.model_copy(update={"client": one_at_a_time()}))
    tested = rows.filter(split="test").sort("user_id").select("user_id", "item_id").rows()
    assert len(server.bodies) == 2 * len(tested)
    for body, (user, candidate) in zip(server.bodies, tested * 2, strict=True):
        lines = body["messages"][-1]["content"].splitlines()
        assert [line for line in lines if line.startswith("Thing: ")] == [f"Thing: item {candidate}"]
        shown = {line.removeprefix("- ").split(" (")[0]: line.split(": ")[1] for line in lines if line.startswith("- ")}
        own = {f"item {item}": rating for (owner, item), rating in train.items() if owner == user}
        assert shown.keys() == own.keys(), "all four train items, being fewer than what is shown at most"
        for name, said in shown.items():
            assert said in {f"{own[name]:g}", "liked" if own[name] >= 3 else "disliked"}


def one_at_a_time() -> ClientSettings:
    return SETTINGS.client.model_copy(update={"concurrency": 1})


def test_turned_held_out_reactions_change_no_prompt(tmp_path: Path) -> None:
    folder, settings = evaluated(tmp_path / "tiny"), SETTINGS.model_copy(update={"client": one_at_a_time()})
    before = judge(folder, tmp_path / "before.sqlite", settings=settings).bodies
    rows = read_table(folder.path("interactions.parquet"), INTERACTIONS)
    held_out = pl.col("split") != "train"
    turned = rows.with_columns(
        rating=pl.when(held_out).then(6 - pl.col("rating")).otherwise("rating"),
        like=pl.when(held_out).then(~pl.col("like")).otherwise("like"),
        review_text=pl.when(held_out).then(pl.lit("marker")).otherwise("review_text"),
    )
    write_table(folder.path("interactions.parquet"), turned, INTERACTIONS)
    assert judge(folder, tmp_path / "after.sqlite", settings=settings).bodies == before


def test_what_was_answered_before_a_kill_is_not_asked_again(folder: RunFolder, tmp_path: Path) -> None:
    store, settings = tmp_path / "c.sqlite", SETTINGS.model_copy(update={"client": one_at_a_time()})

    def dies_after_seven(number: int, body: dict) -> tuple[int, str]:
        return respond(number, body) if number < 7 else (401, "gone")

    with pytest.raises(ServerError, match="refuses the API key"):
        judge(folder, store, dies_after_seven, settings)
    resumed = judge(folder, store, settings=settings)
    assert len(resumed.bodies) == 2 * N_USERS - 7
    assert judge(folder, store).bodies == [], "all answers are kept"
    table = load_peers(folder)
    assert table is not None
    assert table.rows["llm_rating"].answers_per_second is None
    assert table.rows["llm_rating"].tokens_per_thousand == 100_000


def test_an_error_that_passes_costs_no_answer(folder: RunFolder, tmp_path: Path) -> None:
    server = judge(folder, tmp_path / "c.sqlite", lambda n, body: (503, "busy") if n in {0, 9} else respond(n, body))
    assert len(server.bodies) == 2 * N_USERS + 2
    table = load_peers(folder)
    assert table is not None
    assert table.rows["llm_rating"].unreadable == 0


def test_answers_without_a_rating_fall_back_on_the_user_and_are_counted(folder: RunFolder, tmp_path: Path) -> None:
    tested = read_table(folder.path("interactions.parquet"), INTERACTIONS).filter(split="test", user_id=0)["item_id"][0]

    def vague(number: int, body: dict) -> tuple[int, str]:
        unclear = f"\nThing: item {tested}\n" in body["messages"][-1]["content"]
        return (200, first_token_reply({"Hm": 0.9})) if unclear else respond(number, body)

    judge(folder, tmp_path / "c.sqlite", vague, SETTINGS.model_copy(update={"max_failed_share": 1.0}))
    answers = pl.read_parquet(folder.path(PEER_ANSWERS)).filter(item_id=tested)
    table = load_peers(folder)
    assert table is not None
    assert table.rows["llm_rating"].unreadable == table.rows["llm_yes_no"].unreadable == answers.height / 2 > 0
    assert answers["probability"].is_between(0, 1, closed="none").all()
    assert answers.filter(peer="llm_rating")["score"].is_between(1, 5).all()


def test_a_server_without_log_probabilities_is_named_as_such(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"12 of 12 answers.*gave no log-probabilities.*--llm"):
        judge(folder, tmp_path / "c.sqlite", lambda number, body: (200, first_token_reply({})))


def test_without_a_server_the_remedy_is_told(folder: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="recaudience evaluate"):
        peers.given(completions=tmp_path / "c.sqlite").function(folder, SETTINGS)


def test_peers_of_an_earlier_state_of_the_run_are_not_shown(tmp_path: Path) -> None:
    folder = evaluated(tmp_path / "tiny")
    judge(folder, tmp_path / "c.sqlite")
    assert load_peers(folder) is not None
    predictions = folder.path("report/predictions.parquet")
    pl.read_parquet(predictions).with_columns(pl.col("bias") / 2).write_parquet(predictions)
    assert load_peers(folder) is None


def test_answers_of_peers_count_as_used(folder: RunFolder, tmp_path: Path) -> None:
    judge(folder, tmp_path / "c.sqlite")
    keys = set(pl.read_parquet(folder.path(PEER_ANSWERS))["prompt_hash"])
    assert len(keys) == 2 * N_USERS
    run = RunFolder(tmp_path / "run")
    run.path("report").mkdir(parents=True)
    pl.read_parquet(folder.path(PEER_ANSWERS)).write_parquet(run.path(PEER_ANSWERS))
    write_annotations(run)
    assert used_prompts(run) == keys


def write_annotations(folder: RunFolder) -> None:
    write_table(folder.path("annotations.parquet"), pl.DataFrame(schema=polars_schema(ANNOTATIONS)), ANNOTATIONS)


def test_pairs_are_drawn_once_and_all_where_there_are_fewer() -> None:
    drawn = drawn_rows(1000, 50, 3)
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    assert len(drawn) == 50
    assert drawn.tolist() == drawn_rows(1000, 50, 3).tolist() != drawn_rows(1000, 50, 4).tolist()
    assert drawn_rows(7, 50, 3).tolist() == list(range(7))


def test_requests_ask_for_probabilities_of_one_token(folder: RunFolder, tmp_path: Path) -> None:
    body = judge(folder, tmp_path / "c.sqlite").bodies[0]
    assert (body["max_tokens"], body["temperature"], body["logprobs"], body["top_logprobs"]) == (1, 0, True, 20)
