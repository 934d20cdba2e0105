"""Prompts that ask a language model why people like or dislike an item.

T_obj and T_sub of the paper ("LLM-Powered User Simulator for Recommender System", arXiv 2412.16984, section 3.1): an
objective prompt shows an item's facts, a subjective one a review and its rating. A review is asked for one side: pros
of a positive rating, cons of a negative one. An item has two objective prompts, one a side, or, as in the paper, one
that asks for three pros and three cons (`both_sides`).

Two styles ask for the same keywords. `reasoning` is the paper's chain of thought (what is it; reasons with evidence;
keywords). `few_shot` is for models too small for that: worked examples as chat turns, keywords only. Messages of one
style, kind, side and noun begin alike and the item comes last, so that a server's prefix cache serves all but the item.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypedDict, get_args

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from models.knowledge import SIDES, Side
from models.reading.lexicon import TEMPLATES, Language, lexicon
from models.reading.phrases import objective_choices, subjective_choices
from models.reading.replies import (
    LONGEST_REASON,
    KeywordReply,
    Question,
    Reading,
    ReplyForm,
    Style,
    read_reply,
    reply_schema,
)
from models.reading.sanitise import clean_text

Kind = Literal["objective", "subjective"]

_RATINGS: dict[Language, tuple[str, str]] = {
    "en": ("{:g} (disliked)", "{:g} (liked)"),
    "zh": ("{:g}（不喜欢）", "{:g}（喜欢）"),
}
_LIST_SEPARATOR: dict[Language, str] = {"en": ", ", "zh": "、"}
_LONGEST_CATEGORY = 60


class PromptSettings(BaseModel):
    """How prompts are worded and how much of an item they show."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    style: Style = Field(default="few_shot", description="`reasoning` for models that can, `few_shot` for small ones")
    noun: str = Field(
        default="item", min_length=1, description="What an item is called: film, album, restaurant, game ..."
    )
    language: Language = Field(default="en", description="Language of the prompts and of the texts that they read")
    facts_characters: int = Field(
        default=400, ge=50, description="Budget for an item's description, and for its attributes"
    )
    comment_characters: int = Field(default=1000, ge=50, description="Budget for a review")
    both_sides: bool = Field(
        default=False,
        description="One objective prompt an item asks for three pros and three cons, as the paper's T_obj, "
        "in place of a prompt a side; style reasoning only",
    )
    reason_characters: int = Field(
        default=LONGEST_REASON,
        ge=20,
        le=LONGEST_REASON,
        description="Longest reason, and longest evidence, of a reply in the style reasoning",
    )


_Example = dict[str, str | list[str]]


class Message(TypedDict):
    """One chat turn of the OpenAI protocol."""

    role: str
    content: str


@dataclass(frozen=True)
class ItemFacts:
    """What a prompt may say about an item; empty where unknown."""

    name: str
    attributes: str = ""
    categories: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Review:
    """A user's rating of an item with its comment."""

    rating: float
    like: bool
    comment: str

    @property
    def side(self) -> Side:
        """The side that a review speaks for: a like is asked for pros only, a dislike for cons only."""
        return "pro" if self.like else "con"


@dataclass(frozen=True)
class Prompt:
    """A prompt, the schema of its reply and the parser of the reply.

    Parameters
    ----------
    messages
        Chat messages: the system's, worked examples (few-shot style), the item last.
    form
        What is expected back; its `choices` are the phrases of its source that a small model's keywords are restricted
        to.
    """

    kind: Kind
    messages: tuple[Message, ...]
    form: ReplyForm

    @property
    def sides(self) -> tuple[Side, ...]:
        """The sides that the reply speaks for."""
        return SIDES if self.form.asks == "both" else (self.form.asks,)

    @property
    def askable(self) -> bool:
        """Whether the source says anything: a small model is not made to invent keywords."""
        return self.form.style == "reasoning" or self.form.choices is not None

    @property
    def schema(self) -> dict[str, JsonValue]:
        """JSON schema of the reply without its documentation, as sent in `response_format`."""
        return reply_schema(self.form)

    def read(self, text: str) -> Reading:
        """Read a reply.

        Raises
        ------
        ValueError
            Where the text is not JSON of the schema; the message says what is wrong with it.
        """
        return read_reply(text, self.form)


def objective_questions(settings: PromptSettings) -> tuple[Question, ...]:
    """What the objective prompts of an item ask for, one each."""
    return ("both",) if settings.both_sides else SIDES


def objective_prompt(facts: ItemFacts, side: Question, settings: PromptSettings) -> Prompt:
    """T_obj: why people like (`pro`) or dislike (`con`) an item, or both at once, from its facts alone.

    Raises
    ------
    ValueError
        Where both sides are asked for in the few-shot style, which has examples of one side only.
    """
    fields = _fields(facts, settings)
    choices = None
    if settings.style == "few_shot":
        if side == "both":
            raise ValueError(
                "annotate.prompts.both_sides: found style few_shot, whose examples show one side; expected style "
                "reasoning (prompt_style of the language-model profile, or --set llm.prompt_style=reasoning)"
            )
        listed = [clean_text(category, _LONGEST_CATEGORY) for category in facts.categories]
        choices = objective_choices(
            listed, fields["attributes"], fields["description"], side, settings.noun, language=settings.language
        )
    form = ReplyForm(settings.style, side, choices, settings.reason_characters)
    return Prompt("objective", _messages("objective", side, fields, settings), form)


def subjective_prompt(facts: ItemFacts, review: Review, settings: PromptSettings) -> Prompt:
    """T_sub: what a reviewer liked about an item (positive rating) or disliked (negative rating)."""
    fields = _fields(facts, settings) | {
        "rating": _RATINGS[settings.language][review.like].format(review.rating),
        "comment": clean_text(review.comment, settings.comment_characters),
    }
    choices = None
    if settings.style == "few_shot":
        choices = subjective_choices(fields["comment"], review.side, settings.noun, language=settings.language)
    form = ReplyForm(settings.style, review.side, choices, settings.reason_characters)
    return Prompt("subjective", _messages("subjective", review.side, fields, settings), form)


def example_keywords() -> frozenset[str]:
    """Keywords of the worked examples: a small model sometimes copies them instead of reading."""
    return frozenset(
        keyword
        for language in get_args(Language)
        for groups in _examples(language).values()
        for examples in groups.values()
        for example in examples
        for field in ("pro", "con", "keywords")
        for keyword in example.get(field, ())
    )


def wording_version(settings: PromptSettings) -> str:
    """Version of the prompts of a language and style, `few_shot/en 3f6c1a9e02bd`: a hash of all that words them."""
    folder = TEMPLATES / settings.language
    files = [folder / "lexicon.yaml", *(folder / settings.style).iterdir()]
    content = [file.read_bytes() for file in sorted(files, key=lambda file: file.name)]
    return f"{settings.style}/{settings.language} {hashlib.sha256(b''.join(content)).hexdigest()[:12]}"


def _fields(facts: ItemFacts, settings: PromptSettings) -> dict[str, str]:
    return {
        "noun": settings.noun,
        "name": clean_text(facts.name, 120),
        "categories": clean_text(_LIST_SEPARATOR[settings.language].join(facts.categories), 160),
        "attributes": clean_text(facts.attributes, settings.facts_characters),
        "description": clean_text(facts.description, settings.facts_characters),
    }


def _messages(kind: Kind, side: Question, fields: dict[str, str], settings: PromptSettings) -> tuple[Message, ...]:
    system = _render(settings.language, settings.style, "system", {"kind": kind, "side": side, "noun": settings.noun})
    question = _render(settings.language, settings.style, "question", {"kind": kind, "side": side, **fields})
    examples: tuple[Message, ...] = ()
    if settings.style == "few_shot" and side != "both":
        examples = _example_turns(kind, side, settings.noun, settings.language)
    return (Message(role="system", content=system), *examples, Message(role="user", content=question))


@cache
def _example_turns(kind: Kind, side: Side, noun: str, language: Language) -> tuple[Message, ...]:
    turns: list[Message] = []
    for shown, example in _examples_for(kind, side, noun, language):
        fields = {"kind": kind, "side": side, "noun": shown, **example}
        question = _render(language, "few_shot", "question", fields)
        reply = KeywordReply(keywords=list(example["keywords" if kind == "subjective" else side]))
        turns += [Message(role="user", content=question), Message(role="assistant", content=_json(reply))]
    return tuple(turns)


def _examples_for(kind: Kind, side: Side, noun: str, language: Language) -> list[tuple[str, _Example]]:
    """Examples of the noun's own domain, or the first of every domain where it has none; each with its noun."""
    domain = lexicon(language).domain
    groups = {
        group: [example for example in examples if example.get("side", side) == side]
        for group, examples in _examples(language)[kind].items()
    }
    own = [group for group in groups if domain(group) == domain(noun)]
    if own:
        return [(noun, example) for example in groups[own[0]]]
    return [(group, examples[0]) for group, examples in groups.items()]


def _json(reply: KeywordReply) -> str:
    listed = ", ".join(f'"{keyword}"' for keyword in reply.keywords)
    return f'{{"keywords": [{listed}]}}'


@cache
def _examples(language: Language) -> dict[str, dict[str, list[_Example]]]:
    file = TEMPLATES / language / "few_shot" / "examples.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@cache
def _environment() -> Environment:
    # Plain text, not HTML: what stands in the fields was made safe by `clean_text`.
    return Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=False)


def _render(language: Language, style: Style, template: str, fields: Mapping[str, str | list[str]]) -> str:
    return _environment().get_template(f"{language}/{style}/{template}.jinja").render(fields).strip()
