"""Replies of a language model: the JSON schema that is sent with a prompt, and the parser of the reply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from models.knowledge import Side
from models.reading.phrases import Choices

Style = Literal["few_shot", "reasoning"]

Question = Literal[Side, "both"]
"""What a prompt asks for: one side, or three pros and three cons at once."""

LONGEST_REASON = 200
_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True)
class Reading:
    """Keywords of one reply and, parallel to them, their evidence ('' where the reply gives none).

    `sides` is parallel to them as well where the prompt asked for both; else it is empty.
    """

    keywords: tuple[str, ...]
    evidence: tuple[str, ...]
    sides: tuple[Side, ...] = ()

    def of_side(self, side: Side) -> Reading:
        """The part of a reply about both sides that speaks for one of them."""
        rows = [row for row, own in enumerate(self.sides) if own == side]
        return Reading(tuple(self.keywords[row] for row in rows), tuple(self.evidence[row] for row in rows))


class KeywordReply(BaseModel):
    """Reply in the few-shot style: the schema that is sent and the parser of the reply.

    The phrases that it may hold differ from prompt to prompt, so they are passed in twice: as the schema's `pattern`
    and as the validation context.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="KeywordAnswer")  # a title is part of what is sent

    keywords: list[str] = Field(min_length=1, max_length=3)

    @field_validator("keywords")
    @classmethod
    def _match(cls, keywords: list[str], info: ValidationInfo) -> list[str]:
        pattern = (info.context or {}).get("pattern")
        if pattern and (foreign := [keyword for keyword in keywords if not re.fullmatch(pattern, keyword)]):
            raise PydanticCustomError("not_a_phrase_of_the_source", "{keyword}", {"keyword": foreign[0]})
        return keywords

    def reading(self) -> Reading:
        """Keywords without evidence, each once."""
        keywords = tuple(dict.fromkeys(self.keywords))
        return Reading(keywords, ("",) * len(keywords))


class Reason(BaseModel):
    """One pro or con with its evidence and, last, its keyword."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(max_length=LONGEST_REASON)
    evidence: str = Field(max_length=LONGEST_REASON)
    keyword: str = Field(min_length=2, max_length=48)


class ReasonedReply(BaseModel):
    """Reply in the reasoning style: the fields stand in the order of the chain of thought."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="ReasonedAnswer")  # a title is part of what is sent

    about: str = Field(max_length=300)
    reasons: list[Reason] = Field(min_length=1, max_length=3)

    def reading(self) -> Reading:
        """Keywords with the evidence of their reasons."""
        return Reading(tuple(r.keyword for r in self.reasons), tuple(r.evidence for r in self.reasons))


class TwoSidedReply(BaseModel):
    """Reply in the reasoning style to a prompt that asks for both sides: the paper's form, three reasons each."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="TwoSidedAnswer")

    about: str = Field(max_length=300)
    pros: list[Reason] = Field(min_length=3, max_length=3)
    cons: list[Reason] = Field(min_length=3, max_length=3)

    def reading(self) -> Reading:
        """Keywords of the pros, then of the cons, with the evidence of their reasons."""
        reasons = [*self.pros, *self.cons]
        sides: tuple[Side, ...] = ("pro",) * len(self.pros) + ("con",) * len(self.cons)
        return Reading(tuple(r.keyword for r in reasons), tuple(r.evidence for r in reasons), sides)


@dataclass(frozen=True)
class ReplyForm:
    """What a prompt expects back.

    Parameters
    ----------
    style
        `reasoning` or `few_shot`.
    asks
        One side, or both, which only the reasoning style can.
    choices
        The phrases that the few-shot style's keywords are restricted to; None where its prompt is not sent.
    reason_characters
        Longest reason, and longest evidence, of the reasoning style.
    """

    style: Style
    asks: Question
    choices: Choices | None = None
    reason_characters: int = LONGEST_REASON


def reply_schema(form: ReplyForm) -> dict[str, JsonValue]:
    """JSON schema of a reply without its documentation, as sent in `response_format`."""
    if form.style == "few_shot":
        schema = KeywordReply.model_json_schema()
        if form.choices is not None:
            keywords = schema["properties"]["keywords"]
            keywords["items"]["pattern"] = form.choices.pattern
            keywords["minItems"] = form.choices.least
    else:
        schema = (TwoSidedReply if form.asks == "both" else ReasonedReply).model_json_schema()
        if form.reason_characters < LONGEST_REASON:
            reason = schema["$defs"]["Reason"]["properties"]
            for text in (schema["properties"]["about"], reason["reason"], reason["evidence"]):
                text["maxLength"] = form.reason_characters
    schema.pop("description", None)
    return schema


def read_reply(text: str, form: ReplyForm) -> Reading:
    """Read the reply to a prompt whose schema was made from the same form.

    One thing is repaired: bare control characters, which JSON forbids, become spaces. Constrained decoding lets some of
    them through in strings of limited length, and none of them means anything.

    Raises
    ------
    ValueError
        Where the text is not JSON of the schema; the message says what is wrong with it.
    """
    text = _CONTROL.sub(" ", text)
    try:
        if form.style == "reasoning":
            reply = TwoSidedReply if form.asks == "both" else ReasonedReply
            return reply.model_validate_json(text).reading()
        pattern = None if form.choices is None else form.choices.pattern
        return KeywordReply.model_validate_json(text, context={"pattern": pattern}).reading()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "answer"
        raise ValueError(f"{place}: {first['type']}") from error
