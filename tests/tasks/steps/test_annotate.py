import json
from pathlib import Path

import polars as pl
import pytest

from models.reading.prompts import PromptSettings
from storage.contracts import ANNOTATIONS, INTERACTIONS, ITEMS, polars_schema
from storage.errors import AnnotationError, ServerError
from storage.run_folder import RunFolder
from storage.settings.llm_profiles import load_llm_profile
from storage.tables import read_table, write_table
from tasks.llm.settings import ClientSettings
from tasks.report.annotation_account import annotation_account
from tasks.steps import prompt_plan
from tasks.steps.annotate import AnnotateSettings, annotate
from tasks.steps.prompt_plan import PlanSettings, plan_prompts
from tests.support.chat_server import BatchCommand, chat_server, reply

MARKER = "xyzzyplugh"
FAST = ClientSettings(concurrency=3, attempts=2, first_pause_seconds=0.001, longest_pause_seconds=0.001, restarts=0)
SETTINGS = AnnotateSettings(prompts=PromptSettings(noun="film", style="reasoning"), model="fake", client=FAST)
ANSWER = json.dumps(
    {"about": "A film.", "reasons": [{"reason": "r", "evidence": "what a cast", "keyword": "great cast"}]}
)


def items(count: int) -> pl.DataFrame:
    rows = [(n, f"s{n}", f"Film {n}", ["Crime"], "", "") for n in range(count)]
    return pl.DataFrame(rows, schema=polars_schema(ITEMS), orient="row")


def interactions(rows: list[tuple[int, int, float, str, str | None]]) -> pl.DataFrame:
    """From (user, item, rating, split, review)."""
    full = [(u, i, r, r >= 3, None, n, s, text) for n, (u, i, r, s, text) in enumerate(rows)]
    return pl.DataFrame(full, schema=polars_schema(INTERACTIONS), orient="row")


REVIEWS = interactions(
    [
        (0, 0, 5.0, "train", "What a cast, and what a story it tells."),
        (1, 0, 1.0, "train", "Far too long, and the plot has holes."),
        (2, 0, 4.0, "validation", f"A great cast {MARKER} indeed."),
        (3, 1, 4.0, "train", "A great cast and a good plot."),
        (4, 1, 4.0, "test", f"The {MARKER} plot is a great plot."),
        (5, 1, 4.0, "train", None),
    ]
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "films")
    write_table(folder.path("items.parquet"), items(3), ITEMS)
    write_table(folder.path("interactions.parquet"), REVIEWS, INTERACTIONS)
    return folder


def test_every_item_gets_a_pair_of_prompts_and_every_train_review_one(folder: RunFolder) -> None:
    with chat_server(lambda number, body: (200, reply(ANSWER))) as server:
        summary = annotate.given(source=server).function(folder, SETTINGS)
    table = read_table(folder.path("annotations.parquet"), ANNOTATIONS)
    assert (summary["prompts"], summary["objective"], summary["subjective"]) == (9, 6, 3)
    objective = table.filter(pl.col("kind") == "objective").select("item_id", "side").rows()
    assert objective == [(0, "pro"), (0, "con"), (1, "pro"), (1, "con"), (2, "pro"), (2, "con")]
    subjective = table.filter(pl.col("kind") == "subjective").select("item_id", "user_id", "side").rows()
    assert sorted(subjective) == [(0, 0, "pro"), (0, 1, "con"), (1, 3, "pro")]
    assert table["keywords"].to_list() == [["great cast"]] * 9
    assert table["evidence"].to_list() == [["what a cast"]] * 9
    assert table["output_tokens"].sum() == summary["output_tokens"] == 45


def test_a_prompt_for_both_sides_is_asked_once_and_gives_a_row_a_side(folder: RunFolder) -> None:
    settings = SETTINGS.model_copy(
        update={"max_reviews_per_item": 0, "prompts": SETTINGS.prompts.model_copy(update={"both_sides": True})}
    )
    pros, cons = (
        [{"reason": "r", "evidence": f"the {word}", "keyword": word} for word in words]
        for words in (("heist", "cast", "chase"), ("length", "gore", "noise"))
    )
    answer = json.dumps({"about": "A film.", "pros": pros, "cons": cons})
    with chat_server(lambda number, body: (200, reply(answer))) as server:
        summary = annotate.given(source=server).function(folder, settings)
    table = read_table(folder.path("annotations.parquet"), ANNOTATIONS)
    assert (summary["prompts"], len(server.bodies)) == (3, 3)
    assert table.select("item_id", "side").rows() == [(item, side) for item in range(3) for side in ("pro", "con")]
    assert table["keywords"].to_list() == [["heist", "cast", "chase"], ["length", "gore", "noise"]] * 3
    assert table["evidence"].to_list()[1] == ["the length", "the gore", "the noise"]
    assert table["output_tokens"].sum() == summary["output_tokens"], "tokens of one answer are counted once"
    account = annotation_account(folder)
    assert account is not None
    assert [(counts.side, counts.prompts) for counts in account.prompts] == [("pro and con", 3)]


def test_no_word_of_a_validation_or_test_review_reaches_a_prompt(folder: RunFolder) -> None:
    with chat_server(lambda number, body: (200, reply(ANSWER))) as server:
        annotate.given(source=server).function(folder, SETTINGS)
    sent = json.dumps(server.bodies)
    assert "what a story it tells" in sent
    assert MARKER not in sent
    with pytest.raises(ValueError, match=r"train rows only, found \['test', 'validation'\]"):
        plan_prompts(items(3), REVIEWS, PlanSettings(), PromptSettings())


def test_a_resumed_run_asks_only_for_what_is_missing(folder: RunFolder) -> None:
    one_by_one = SETTINGS.model_copy(update={"client": FAST.model_copy(update={"concurrency": 1})})
    with (
        chat_server(lambda number, body: (200, reply(ANSWER)) if number < 4 else (401, "gone")) as dying,
        pytest.raises(ServerError),
    ):
        annotate.given(source=dying).function(folder, one_by_one)
    assert not folder.path("annotations.parquet").exists()
    with chat_server(lambda number, body: (200, reply(ANSWER))) as server:
        summary = annotate.given(source=server).function(folder, SETTINGS)
    assert (summary["from_cache"], summary["asked"], len(server.bodies)) == (4, 5, 5)
    asked = [json.dumps(body["messages"]) for body in server.bodies]
    assert not set(asked) & {json.dumps(body["messages"]) for body in dying.bodies[:4]}
    complete = folder.path("annotations.parquet").read_bytes()
    summary = annotate.function(folder, SETTINGS)
    assert (summary["from_cache"], summary["asked"]) == (9, 0)
    assert folder.path("annotations.parquet").read_bytes() == complete


def test_another_model_revision_or_sampling_is_asked_anew(folder: RunFolder) -> None:
    sampling = SETTINGS.sampling.model_copy(update={"temperature": 0.1})
    with chat_server(lambda number, body: (200, reply(ANSWER))) as server:
        for changed in ({}, {"model": "other"}, {"revision": "2"}, {"sampling": sampling}):
            assert annotate.given(source=server).function(folder, SETTINGS.model_copy(update=changed))["asked"] == 9


def test_failed_prompts_are_rows_with_their_reason(folder: RunFolder) -> None:
    refused: set[str] = set()

    def behave(number: int, body: dict) -> tuple[int, str]:
        text = body["messages"][-1]["content"]
        if "Film 2" in text:
            refused.add(text)
            return 200, reply("no JSON")
        return 200, reply(ANSWER)

    with chat_server(behave) as server:
        summary = annotate.given(source=server).function(folder, SETTINGS.model_copy(update={"max_failed_share": 0.3}))
    failed = read_table(folder.path("annotations.parquet"), ANNOTATIONS).filter(pl.col("status") == "failed")
    assert summary["failed"] == failed.height == 2
    assert failed["item_id"].to_list() == [2, 2]
    assert failed["reason"].to_list() == ["unusable answer: answer: json_invalid"] * 2
    assert failed["keywords"].to_list() == [[], []]
    assert len(server.bodies) == 9 + 2, "each unusable answer was asked for once more"


def test_too_many_failures_publish_nothing_and_keep_the_answers(folder: RunFolder) -> None:
    with (
        chat_server(lambda number, body: (200, reply("no JSON"))) as server,
        pytest.raises(AnnotationError, match=r"9 of 9 prompts .*max_failed_share.*json_invalid \(9\)"),
    ):
        annotate.given(source=server).function(folder, SETTINGS)
    assert not folder.path("annotations.parquet").exists()
    with pytest.raises(AnnotationError):
        annotate.given(source=server).function(folder, SETTINGS)
    assert len(server.bodies) == 18


def test_without_a_server_the_error_says_what_to_do(folder: RunFolder) -> None:
    with pytest.raises(ServerError, match="recaudience reproduce"):
        annotate.function(folder, SETTINGS)


def test_offline_the_table_is_the_same_and_comes_of_one_run_a_shard(folder: RunFolder) -> None:
    with chat_server(lambda number, body: (200, reply(ANSWER))) as server:
        annotate.given(source=server).function(folder, SETTINGS)
    online = folder.path("annotations.parquet").read_bytes()
    (folder.root.parent / "completions.sqlite").unlink()
    offline = FAST.model_copy(update={"offline": True, "shard_prompts": 5})
    command = BatchCommand(behave=lambda number, body: (200, reply(ANSWER)))
    summary = annotate.given(source=command).function(folder, SETTINGS.model_copy(update={"client": offline}))
    assert command.runs == [5, 4]
    assert folder.path("annotations.parquet").read_bytes() == online
    assert (summary["asked"], summary["requests"], summary["failed"]) == (9, 9, 0)


def test_the_way_the_server_is_asked_is_no_part_of_the_cache_key() -> None:
    faster = SETTINGS.model_copy(update={"client": ClientSettings(concurrency=99)})
    assert faster.model_dump(mode="json") == SETTINGS.model_dump(mode="json")


def test_a_profile_sets_model_style_sampling_and_concurrency() -> None:
    profile = load_llm_profile("embedded")
    settings = AnnotateSettings(max_prompts=7).of_model(profile, "music album")
    assert (settings.max_prompts, settings.model, settings.prompts.noun) == (7, profile.served_name, "music album")
    assert (settings.sampling, settings.prompts.style) == (profile.sampling, "few_shot")
    assert settings.client.concurrency == profile.concurrency


def planned(**settings: object) -> list[tuple[str, int, int | None]]:
    rows = [
        (user, item, 5.0 if user % 5 else 1.0, "train", "word " * 40) for user in range(20) for item in range(user % 4)
    ]
    plan = plan_prompts(items(4), interactions(rows), PlanSettings(**settings), PromptSettings(style="reasoning"))  # pyright: ignore - keywords
    return [(one.prompt.kind, one.item, one.user) for one in plan.prompts]


def test_a_cap_keeps_pairs_and_room_for_reviews_and_prefers_popular_items() -> None:
    chosen = planned(max_prompts=9, subjective_share=0.4)
    assert [kind for kind, *_ in chosen] == ["objective"] * 6 + ["subjective"] * 3
    assert [item for _, item, _ in chosen] == [0, 0, 1, 1, 2, 2, 0, 1, 2]


def test_what_reviews_do_not_use_goes_to_items_and_the_reverse() -> None:
    assert sum(kind == "objective" for kind, *_ in planned(max_prompts=100)) == 8
    assert sum(kind == "subjective" for kind, *_ in planned(max_prompts=100)) == 21
    assert planned(max_prompts=8, max_reviews_per_item=0) == planned(max_reviews_per_item=0)


def test_likes_and_dislikes_take_turns() -> None:
    users = [user for kind, item, user in planned(max_reviews_per_item=4) if kind == "subjective" and item == 0]
    assert [user is not None and user % 5 == 0 for user in users] == [True, False, True, False]


def test_the_same_seed_chooses_the_same_reviews() -> None:
    assert planned(seed=3) == planned(seed=3)
    assert planned(seed=3) != planned(seed=4)


def test_a_small_model_is_not_asked_about_an_item_of_which_nothing_is_known() -> None:
    known = items(2).with_columns(
        categories=pl.Series([["Horror"], []], dtype=pl.List(pl.String)), attributes=pl.Series(["", ""])
    )
    plan = plan_prompts(known, REVIEWS.clear(), PlanSettings(), PromptSettings(noun="film"))
    assert [one.item for one in plan.prompts] == [0, 0]
    assert plan.items_without_facts == 1


def test_a_capped_plan_stops_looking_where_no_review_says_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_plan, "_MOST_EMPTY", 5)
    texts = ["a great cast and a great story", *["the of and is " * 5] * 29]
    rows = interactions([(user, 0, 5.0, "train", text) for user, text in enumerate(texts)])

    def looked_at(cap: int | None) -> int:
        settings = PlanSettings(max_reviews_per_item=30, max_prompts=cap)
        return plan_prompts(items(1), rows, settings, PromptSettings(noun="film")).reviews_without_content

    assert looked_at(None) == 29
    assert 5 <= looked_at(10) < 29


def test_a_small_model_is_not_asked_for_a_con_where_nothing_speaks_against_an_item() -> None:
    known = items(1).with_columns(
        categories=pl.Series([["Comedy"]], dtype=pl.List(pl.String)), attributes=pl.Series([""])
    )
    plan = plan_prompts(known, REVIEWS.clear(), PlanSettings(), PromptSettings(noun="film"))
    assert [one.prompt.sides for one in plan.prompts] == [("pro",)]
