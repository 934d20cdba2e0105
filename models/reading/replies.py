"""Replies of a language model: the JSON schema that is sent with a prompt, and the parser of the reply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from models.reading.phrases import Choices

Style = Literal["few_shot", "reasoning"]

_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True)
class Reading:
    """Keywords of one reply and, parallel to them, their evidence ('' where the reply gives none)."""

    keywords: tuple[str, ...]
    evidence: tuple[str, ...]


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

    reason: str = Field(max_length=200)
    evidence: str = Field(max_length=200)
    keyword: str = Field(min_length=2, max_length=48)


class ReasonedReply(BaseModel):
    """Reply in the reasoning style: the fields stand in the order of the chain of thought."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="ReasonedAnswer")  # a title is part of what is sent

    about: str = Field(max_length=300)
    reasons: list[Reason] = Field(min_length=1, max_length=3)

    def reading(self) -> Reading:
        """Keywords with the evidence of their reasons."""
        return Reading(tuple(r.keyword for r in self.reasons), tuple(r.evidence for r in self.reasons))


def reply_schema(style: Style, choices: Choices | None) -> dict[str, JsonValue]:
    """JSON schema of a reply without its documentation, as sent in `response_format`.

    Parameters
    ----------
    style
        `reasoning` or `few_shot`.
    choices
        The phrases that the few-shot style's keywords are restricted to; None where its prompt is not sent.
    """
    schema = (ReasonedReply if style == "reasoning" else KeywordReply).model_json_schema()
    schema.pop("description", None)
    if style == "few_shot" and choices is not None:
        keywords = schema["properties"]["keywords"]
        keywords["items"]["pattern"] = choices.pattern
        keywords["minItems"] = choices.least
    return schema


def read_reply(text: str, style: Style, choices: Choices | None) -> Reading:
    """Read the reply to a prompt whose schema was made from the same style and choices.

    One thing is repaired: bare control characters, which JSON forbids, become spaces. Constrained decoding lets some of
    them through in strings of limited length, and none of them means anything.

    Raises
    ------
    ValueError
        Where the text is not JSON of the schema; the message says what is wrong with it.
    """
    text = _CONTROL.sub(" ", text)
    try:
        if style == "reasoning":
            return ReasonedReply.model_validate_json(text).reading()
        pattern = None if choices is None else choices.pattern
        return KeywordReply.model_validate_json(text, context={"pattern": pattern}).reading()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "answer"
        raise ValueError(f"{place}: {first['type']}") from error
