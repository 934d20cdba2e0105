from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.keywords.curation import Curated, CurationSettings, Mention, curate_keywords
from models.knowledge import Side
from models.reading.prompts import Kind
from models.reading.source_text import SourceText, normalise, repeats_name, says_nothing

ALL = CurationSettings(min_items=1, max_share=1.0)
MEANT = ALL.model_copy(update={"ground_similarity": 0.6})
NEAR = {
    "tense": (1, 0, 0.05),
    "nervous": (1, 0, 0),
    "hard beds": (0, 1, 0),
    "soft beds": (0, 1, 0.1),
    "tense mood": (1, 0.1, 0),
    "nervous mood": (1, 0, 0),
    "suspense": (1, 0.3, 0),
    "slow": (0, 0, 1),
}


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Known words at known places, all others far from each other."""
    rows = []
    for text in texts:
        row = np.zeros(60)
        if text in NEAR:
            row[:3] = NEAR[text]
        else:
            row[3 + sum(map(ord, text)) % 57] = 1
        rows.append(row / np.linalg.norm(row))
    return np.array(rows, dtype=np.float32).reshape(len(rows), 60)


def mention(
    item: int, keyword: str, text: str | None = None, *, side: Side = "pro", kind: Kind = "objective"
) -> Mention:
    return Mention(item, side, keyword, kind, "Heat", SourceText(keyword if text is None else text))


def rules(result: Curated) -> dict[str, str]:
    return {rejection.keyword: rejection.rule for rejection in result.rejected}


def kept(result: Curated) -> list[str]:
    return [keyword.keyword for keyword in result.keywords]


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("  A Tense, Plot! ", "tense plot"),
        ("Ｗitty ｄialogue", "witty dialogue"),
        ("so very good acting", "good acting"),
        ("one two three four five", ""),
        ("!!!", ""),
        ("Sci-Fi’s best", "sci-fi's best"),
    ],
)
def test_spelling_is_normalised(keyword: str, expected: str) -> None:
    assert normalise(keyword) == expected


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_normalising_twice_changes_nothing(keyword: str) -> None:
    assert normalise(normalise(keyword)) == normalise(keyword)


def test_empty_praise_and_the_items_own_name_are_no_keywords() -> None:
    assert says_nothing("great movie")
    assert says_nothing("soulful soul")
    assert not says_nothing("great production")
    assert repeats_name("the godfather", "The Godfather: Part II")
    assert not repeats_name("godfather family", "The Godfather: Part II")
    result = curate_keywords([mention(0, "good album"), mention(0, "heat"), mention(0, "...")], encode, ALL)
    assert rules(result) == {"good album": "says_nothing", "heat": "repeats_name", "...": "malformed"}


def test_evidence_of_a_long_sentence_is_the_part_with_the_keywords_words() -> None:
    text = " ".join([*["filler"] * 60, "superb", "bass", *["more"] * 60])
    (kept,) = curate_keywords([mention(0, "superb bass", text)], encode, ALL).keywords
    assert "superb bass" in kept.evidence
    assert len(kept.evidence) <= 200
    assert kept.evidence in text


def test_a_keyword_is_supported_by_words_of_its_source_in_any_form() -> None:
    text = "I slept. The acting was superb and the twists kept coming."
    half = curate_keywords([mention(0, "superb dialogue", text)], encode, ALL)
    assert rules(half) == {"superb dialogue": "ungrounded"}
    result = curate_keywords([mention(0, "superb twist", text)], encode, ALL)
    assert [(k.keyword, k.grounded, k.evidence) for k in result.keywords] == [
        ("great twist", True, "The acting was superb and the twists kept coming")
    ]


def test_a_keyword_is_supported_by_a_sentence_of_like_meaning() -> None:
    result = curate_keywords([mention(0, "nervous mood", "tense mood. slow")], encode, MEANT)
    assert [(k.keyword, k.evidence) for k in result.keywords] == [("nervous mood", "tense mood")]


def test_a_verdict_needs_no_support_but_the_thing_that_it_judges_does() -> None:
    result = curate_keywords(
        [mention(0, "great soundtrack", "The soundtrack!"), mention(1, "great soundtrack", "The plot!")], encode, ALL
    )
    assert [(k.item, k.grounding) for k in result.keywords] == [(0, "exact")]


def test_what_is_written_without_spaces_is_supported_too() -> None:
    result = curate_keywords([mention(0, "服务态度差"), mention(1, "音乐好听", "菜很贵。服务态度很差。")], encode, ALL)
    assert kept(result) == ["服务态度差"]


def test_evidence_of_a_models_own_counts_only_where_the_source_says_it() -> None:
    text = "The plot is slow. The staff is rude."
    told = [
        replace(mention(0, "rude staff", text), evidence=one) for one in ("The staff is rude", "They shouted at me")
    ]
    found = [curate_keywords([one], encode, ALL).keywords[0].evidence for one in told]
    assert found == ["The staff is rude", "The staff is rude"]


def test_an_unsupported_keyword_is_kept_apart() -> None:
    mentions = [mention(0, "witty dialogue", "The food was cold."), mention(0, "cold food", "The food was cold.")]
    result = curate_keywords(mentions, encode, ALL)
    assert kept(result) == ["cold food"]
    assert rules(result) == {"witty dialogue": "ungrounded"}
    lenient = curate_keywords(mentions, encode, ALL.model_copy(update={"require_grounding": False}))
    assert {k.keyword: k.grounded for k in lenient.keywords} == {"cold food": True, "witty dialogue": False}


def test_a_keyword_copied_from_the_prompts_examples_needs_its_words_in_the_source() -> None:
    mentions = [mention(0, "rude waiter", "slow"), mention(1, "rude waiter", "The waiter was rude.")]
    result = curate_keywords(mentions, encode, ALL, examples=["rude waiter"])
    assert [k.item for k in result.keywords] == [1]
    assert rules(result) == {"rude waiter": "copied_from_example"}


def test_synonyms_merge_into_the_most_frequent_and_stay_visible() -> None:
    mentions = [
        mention(0, "tense mood"),
        mention(1, "tense mood"),
        mention(2, "nervous mood"),
        mention(2, "tense mood"),
    ]
    result = curate_keywords(mentions, encode, ALL)
    assert kept(result) == ["tense mood"] * 3
    assert result.members == {"tense mood": ["nervous mood", "tense mood"]}
    assert result.document_frequency == {"tense mood": 3}
    assert [k.support for k in result.keywords] == [1, 1, 2]


def test_opposites_that_embed_alike_do_not_merge() -> None:
    result = curate_keywords([mention(0, "hard beds"), mention(1, "soft beds")], encode, ALL)
    assert kept(result) == ["hard beds", "soft beds"]


def test_forms_of_the_same_words_merge() -> None:
    result = curate_keywords([mention(0, "long queue"), mention(1, "long queues")], encode, ALL)
    assert result.members == {"long queue": ["long queue", "long queues"]}


def test_pros_and_cons_do_not_merge() -> None:
    result = curate_keywords([mention(0, "tense mood"), mention(1, "nervous mood", side="con")], encode, ALL)
    assert sorted(kept(result)) == ["nervous mood", "tense mood"]


def test_a_rare_keyword_joins_a_frequent_one_that_is_near_enough_and_is_dropped_otherwise() -> None:
    mentions = [mention(0, "tense mood"), mention(1, "tense mood"), mention(2, "suspense"), mention(3, "slow")]
    rare = CurationSettings(min_items=2, max_share=1.0, merge_similarity=0.995, absorb_similarity=0.9)
    result = curate_keywords(mentions, encode, rare)
    assert kept(result) == ["tense mood"] * 3
    assert rules(result) == {"slow": "too_rare"}
    far = curate_keywords(mentions, encode, rare.model_copy(update={"absorb_similarity": 0.999}))
    assert rules(far) == {"suspense": "too_rare", "slow": "too_rare"}


def test_what_most_items_share_tells_nothing_apart() -> None:
    mentions = [mention(item, "slow") for item in range(8)] + [mention(item, "tense mood") for item in range(3)]
    mentions += [mention(9, "far away", "far away"), mention(8, "far away", "far away")]
    result = curate_keywords(mentions, encode, CurationSettings(max_share=0.3))
    assert set(kept(result)) == {"tense mood", "far away"}
    assert rules(result) == {"slow": "too_common"}


def test_support_and_source_tell_where_a_keyword_comes_from() -> None:
    mentions = [mention(0, "slow"), mention(0, "slow", kind="subjective"), mention(1, "slow", kind="subjective")]
    result = curate_keywords(mentions, encode, ALL)
    assert [(k.item, k.source, k.support) for k in result.keywords] == [(0, "both", 2), (1, "subjective", 1)]


def test_every_mention_is_kept_or_counted_under_one_rule() -> None:
    mentions = [
        mention(0, "slow"),
        mention(1, "slow"),
        mention(0, "good film"),
        mention(0, "witty", "cold"),
        mention(1, "odd"),
    ]
    counts = curate_keywords(mentions, encode, CurationSettings(max_share=1.0)).counts
    assert counts == {
        "mentions": 5,
        "removed_says_nothing": 1,
        "removed_too_rare": 1,
        "removed_ungrounded": 1,
        "kept": 2,
        "kept_grounded": 2,
    }


def test_nothing_in_nothing_out() -> None:
    result = curate_keywords([], encode, CurationSettings())
    assert (result.keywords, result.members, result.counts["mentions"]) == ([], {}, 0)
