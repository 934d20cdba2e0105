import re
from typing import get_args

import pytest
import yaml

from models.knowledge import Side
from models.reading.clauses import clauses_of
from models.reading.lexicon import Language
from models.reading.phrases import Choices, fact_phrases, objective_choices, subjective_choices
from storage.settings.llm_profiles import REPOSITORY

TEMPLATES = REPOSITORY / "models" / "reading" / "templates"


def phrases(choices: Choices | None) -> tuple[str, ...]:
    return choices.phrases if choices is not None else ()


def of_review(comment: str, side: Side, noun: str = "place") -> tuple[str, ...]:
    return phrases(subjective_choices(comment, side, noun))


def of_facts(
    description: str, side: Side, *categories: str, attributes: str = "", noun: str = "place"
) -> tuple[str, ...]:
    return phrases(objective_choices(categories, attributes, description, side, noun))


def test_what_can_be_liked_is_named_and_other_labelled_facts_are_not() -> None:
    attributes = "Year: 1995. By: Nico. Age rating: M. Tags: bank heist, slow burn, in netflix queue."
    assert fact_phrases(
        ("Rap & Hip-Hop", "Contemporary R&B", "Idols (Female)", "Board / Card Game", "General"), attributes
    ) == [
        "rap",
        "hip-hop",
        "contemporary r&b",
        "idols",
        "board",
        "card game",
        "bank heist",
        "slow burn",
    ]


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("The waiter was rude.", ["con"]),
        ("Great food, but a rude waiter.", ["pro", "con"]),
        ("The room was not great.", ["con"]),
        ("Unfriendly cooks.", ["con"]),
        ("It stands by the river.", [None]),
        ("Its drawbacks: chairs and air.", ["con", "con"]),
        ("On the downside, doors slammed until three.", ["con", "con"]),
        ("To be fair, there was loud music.", ["pro", "pro"]),
    ],
)
def test_a_clause_speaks_for_the_side_whose_words_it_holds(text: str, sides: list[str | None]) -> None:
    assert [clause.side("place") for clause in clauses_of(text)] == sides


def test_a_review_offers_its_own_words_but_not_those_of_the_other_side() -> None:
    comment = "The waiter was rude and slow. The friendly cook was nice to Robert Miller."
    offered = of_review(comment, "con")
    assert {"rude waiter", "slow waiter"} <= set(offered)
    assert not {"friendly cook", "nice cook", "robert miller"} & set(offered)


def test_names_numbers_and_fragments_are_no_keywords() -> None:
    assert of_review("We came twice in 1999. Maria Lopez told us.", "pro") == ()


def test_a_quality_stands_where_the_source_puts_it() -> None:
    offered = of_review("The plot is witty. The dialogue goes on.", "pro", "film")
    assert "witty plot" in offered
    assert "witty dialogue" not in offered
    assert "great dialogue" not in offered, "nothing was said of it"


def test_a_description_that_finds_fault_is_read_side_by_side() -> None:
    description = "Guests mention large rooms and a central location. Some complain about thin walls."
    assert {"large rooms", "central location"} <= set(of_facts(description, "pro", "Hotel"))
    assert of_facts(description, "con", "Hotel") == ("thin walls",)


def test_a_story_is_not_praise_of_the_film_that_tells_it() -> None:
    assert of_facts("A charming thief meets a rude waiter.", "pro", "Crime", "Drama", noun="film") == ("crime", "drama")


def test_a_tag_that_judges_stays_on_its_side() -> None:
    tags = "Tags: great visuals, overlong, heist."
    assert of_facts("", "pro", attributes=tags, noun="film") == ("great visuals", "heist")
    assert of_facts("", "con", attributes=tags, noun="film") == ("overlong",)


def test_a_fact_is_held_against_an_item_only_where_people_object_to_such_facts() -> None:
    assert of_facts("", "con", "Comedy", "Gore", "Award Winning", noun="anime") == ("gore",)
    assert of_facts("", "con", "Comedy", "Drama", noun="anime") == ()


def test_what_only_puts_people_off_is_no_pro_and_a_divisive_genre_is_both() -> None:
    listed = ("Comedy", "Gore", "Horror")
    assert of_facts("", "pro", *listed, noun="anime") == ("comedy", "horror")
    assert of_facts("", "con", *listed, noun="anime") == ("gore", "horror")


def test_a_genre_of_an_audience_says_so() -> None:
    assert of_facts("", "con", "Children", "Comedy", noun="film") == ("for children",)


def test_shelves_of_shops_and_parts_of_a_firms_name_are_no_facts() -> None:
    attributes = "Developer: Rusty Lake Co. Ltd. Platforms: PC. Tags: puzzle."
    assert fact_phrases(("Special Interest", "Imports", "Folk"), attributes) == ["folk", "puzzle"]


def test_the_verb_before_an_object_closes_no_phrase() -> None:
    assert of_review("Lifts reach every floor.", "pro") == ()
    assert "helpful porters" in of_review("Helpful porters carry the bags.", "pro")


def test_only_what_judges_can_be_denied() -> None:
    comment = "The spa does not exist and I would not walk there. The soup was not fresh."
    assert not {"not exist", "not walk"} & set(of_review(comment, "con"))


def test_a_denied_praise_is_not_quoted_without_its_denial() -> None:
    assert "great lyrics" not in of_review("He can not write great lyrics.", "con", "album")


def test_what_says_nothing_is_not_offered() -> None:
    assert of_review("Not great. The worst part: thin walls.", "con") == ("thin walls",)


def test_a_phrase_ends_with_what_it_is_about() -> None:
    offered = of_review("A superb old brass section. Hushed vocals carry it.", "pro", "album")
    assert {"brass section", "old brass section", "hushed vocals"} <= set(offered)
    assert not {"superb old", "old brass"} & set(offered)


def test_a_verdict_stands_only_for_what_a_word_of_that_side_is_near_to() -> None:
    far = "She wrote the lyrics in a small room with her old friends and later that was called superb."
    assert "great lyrics" in of_review("Superb and honest were the lyrics.", "pro", "album")
    assert "great lyrics" not in of_review(far, "pro", "album")


def test_two_keywords_are_asked_for_only_where_two_things_are_said() -> None:
    assert Choices(("slow kitchen",)).least == 1
    assert Choices(("slow kitchen", "very slow kitchen", "bad kitchen")).least == 1
    assert Choices(("slow kitchen", "thin walls")).least == 2


def test_the_pattern_admits_the_phrases_and_nothing_else() -> None:
    choices = Choices(("hip-hop beats", "r2.d2", "mind's eye"))
    assert all(re.fullmatch(choices.pattern, phrase) for phrase in choices.phrases)
    assert not re.fullmatch(choices.pattern, "r2xd2")


@pytest.mark.parametrize("language", get_args(Language))
def test_worked_examples_choose_among_what_their_own_prompt_would_offer(language: Language) -> None:
    file = TEMPLATES / language / "few_shot" / "examples.yaml"
    for kind, groups in yaml.safe_load(file.read_text(encoding="utf-8")).items():
        for noun, examples in groups.items():
            for example in examples:
                for side in ("pro", "con"):
                    if kind == "objective":
                        listed = re.split("[,，、] ?", example["categories"])
                        facts = (listed, example["attributes"], example["description"])
                        choices = objective_choices(*facts, side, noun, language=language)
                    else:
                        choices = subjective_choices(example["comment"], side, noun, language)
                    chosen = example.get(side) or (example["keywords"] if example.get("side") == side else ())
                    assert set(chosen) <= set(phrases(choices)), (example["name"], side)
