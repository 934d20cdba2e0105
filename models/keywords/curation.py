"""From the replies of a language model to keywords that deserve trust.

Each mention passes the rules in turn: one spelling, some content, not copied from the prompt's examples, supported by
the text it was read from. Synonyms then merge into the most frequent of them; keywords of too few or too many items are
dropped, for they cannot tell items apart (the paper's section 3.1). Every rejection is kept with the rule's name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from models.keywords.embeddings import Encode
from models.keywords.grounding import nearest_sentences
from models.keywords.synonyms import canonical_keywords
from models.knowledge import SIDES, Side
from models.reading.prompts import Kind
from models.reading.source_text import SourceText, content_stems, excerpt, normalise, repeats_name, says_nothing

Grounding = Literal["exact", "stemmed", "meaning", "none"]
"""How the source supports a keyword: by its words, by forms of them, by a sentence of that meaning, or not at all."""

_LONGEST_EVIDENCE = 200


class CurationSettings(BaseModel):
    """Thresholds of the rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_word_share: float = Field(
        default=1.0, gt=0, le=1, description="Share of a keyword's words that one sentence must hold to support it"
    )
    ground_similarity: float | None = Field(
        default=0.65,
        ge=-1,
        le=1,
        description="Cosine with a sentence of the source that supports a keyword as well, fitted on the sample world "
        "for a precision of 0.9 (benchmarks/keywords.py); null: only its words do",
    )
    require_grounding: bool = Field(default=True, description="Whether unsupported keywords are left out")
    merge_similarity: float = Field(default=0.85, ge=-1, le=1, description="Cosine from which keywords are synonyms")
    absorb_similarity: float = Field(
        default=0.8, ge=-1, le=1, description="Cosine from which a too rare keyword joins a more frequent one"
    )
    min_items: int = Field(default=2, ge=1, description="Keywords of fewer items are too rare")
    max_share: float = Field(default=0.3, gt=0, le=1, description="Keywords of a larger share of items are too common")


@dataclass(frozen=True)
class Mention:
    """One keyword of one reply, with the text that it was read from.

    Parameters
    ----------
    item
        The item's id.
    name
        Its name.
    source
        The facts, or the review, that the prompt showed.
    evidence
        The evidence that the reply itself gave; may be empty.
    """

    item: int
    side: Side
    keyword: str
    kind: Kind
    name: str
    source: SourceText
    evidence: str = ""


@dataclass(frozen=True)
class CuratedKeyword:
    """A keyword of an item's side; `support` counts the prompts that gave it."""

    item: int
    side: Side
    keyword: str
    source: Literal["objective", "subjective", "both"]
    support: int
    grounding: Grounding
    evidence: str

    @property
    def grounded(self) -> bool:
        """Whether the source supports it."""
        return self.grounding != "none"


@dataclass(frozen=True)
class Rejection:
    """A keyword that a rule removed."""

    item: int
    side: Side
    keyword: str
    rule: str


@dataclass
class Curated:
    """The result: keywords, vocabulary (canonical keyword, its members, number of items), rejections, counts."""

    keywords: list[CuratedKeyword] = field(default_factory=list)
    members: dict[str, list[str]] = field(default_factory=dict)
    document_frequency: dict[str, int] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Kept:
    mention: Mention
    keyword: str
    grounding: Grounding
    evidence: str

    @property
    def grounded(self) -> bool:
        return self.grounding != "none"


def curate_keywords(
    mentions: Sequence[Mention], encode: Encode, settings: CurationSettings, examples: Collection[str] = ()
) -> Curated:
    """Apply all rules.

    Parameters
    ----------
    mentions
        Keywords of all replies.
    encode
        Texts to unit vectors, float32 (n, d).
    settings
        Thresholds.
    examples
        Keywords of the prompts' worked examples.
    """
    result = Curated()
    kept = list(_passing(mentions, encode, settings, examples, result))
    canonical = _canonical(kept, encode, settings)
    kept = list(_within_frequency(kept, canonical, len({m.item for m in mentions}), settings, result))
    _collect(kept, canonical, result)
    rules = Counter(rejection.rule for rejection in result.rejected)
    grounded = sum(mention.grounded for mention in kept)
    result.counts = {"mentions": len(mentions), **{f"removed_{rule}": n for rule, n in sorted(rules.items())}}
    result.counts |= {"kept": len(kept), "kept_grounded": grounded}
    return result


def _passing(
    mentions: Sequence[Mention], encode: Encode, settings: CurationSettings, examples: Collection[str], result: Curated
) -> Iterable[_Kept]:
    """Mentions that pass the rules about a single keyword."""
    copied = {normalise(example) for example in examples}
    unsure: list[_Kept] = []
    for mention in mentions:
        keyword = normalise(mention.keyword)
        support = mention.source.support(keyword)
        rule = None
        if not keyword or not content_stems(keyword):
            rule = "malformed"
        elif says_nothing(keyword):
            rule = "says_nothing"
        elif repeats_name(keyword, mention.name):
            rule = "repeats_name"
        elif keyword in copied and support.share < settings.min_word_share:
            rule = "copied_from_example"
        if rule is not None:
            result.rejected.append(Rejection(mention.item, mention.side, mention.keyword, rule))
        elif support.share >= settings.min_word_share:
            own = bool(mention.evidence) and mention.source.support(mention.evidence).exact
            evidence = excerpt(mention.evidence if own else support.sentence, keyword, _LONGEST_EVIDENCE)
            yield _Kept(mention, keyword, "exact" if support.exact else "stemmed", evidence)
        else:
            unsure.append(_Kept(mention, keyword, "none", ""))
    for kept in _ground_by_meaning(unsure, encode, settings.ground_similarity):
        if kept.grounded or not settings.require_grounding:
            yield kept
        else:
            result.rejected.append(Rejection(kept.mention.item, kept.mention.side, kept.keyword, "ungrounded"))


def _ground_by_meaning(unsure: list[_Kept], encode: Encode, threshold: float | None) -> Iterable[_Kept]:
    """Support by the nearest sentence of the source, for keywords whose words do not occur in it."""
    if threshold is None or not unsure:
        yield from unsure
        return
    pairs: list[tuple[str, Side, SourceText]] = [
        (kept.keyword, kept.mention.side, kept.mention.source) for kept in unsure
    ]
    for kept, nearest in zip(unsure, nearest_sentences(pairs, encode), strict=True):
        if nearest.cosine >= threshold:
            yield _Kept(kept.mention, kept.keyword, "meaning", nearest.sentence[:_LONGEST_EVIDENCE])
        else:
            yield kept


def _canonical(kept: list[_Kept], encode: Encode, settings: CurationSettings) -> dict[tuple[Side, str], str]:
    """Canonical keyword of each (side, keyword); the sides merge apart."""
    items: dict[Side, dict[str, set[int]]] = {side: defaultdict(set) for side in SIDES}
    for one in kept:
        items[one.mention.side][one.keyword].add(one.mention.item)
    return {
        (side, word): head
        for side, its_items in items.items()
        for word, head in canonical_keywords(
            its_items,
            side,
            encode,
            merge=settings.merge_similarity,
            absorb=settings.absorb_similarity,
            min_items=settings.min_items,
        ).items()
    }


def _within_frequency(
    kept: list[_Kept],
    canonical: dict[tuple[Side, str], str],
    n_items: int,
    settings: CurationSettings,
    result: Curated,
) -> Iterable[_Kept]:
    """Mentions whose canonical keyword neither too few nor too many items have."""
    items: dict[str, set[int]] = defaultdict(set)
    for one in kept:
        items[canonical[one.mention.side, one.keyword]].add(one.mention.item)
    for one in kept:
        frequency = len(items[canonical[one.mention.side, one.keyword]])
        if frequency < settings.min_items:
            rule = "too_rare"
        elif frequency > max(settings.max_share * n_items, settings.min_items):
            rule = "too_common"
        else:
            yield one
            continue
        result.rejected.append(Rejection(one.mention.item, one.mention.side, one.keyword, rule))


def _collect(kept: list[_Kept], canonical: dict[tuple[Side, str], str], result: Curated) -> None:
    """Rows of the keyword table and the vocabulary."""
    groups: dict[tuple[int, Side, str], list[_Kept]] = defaultdict(list)
    members: dict[str, set[str]] = defaultdict(set)
    items: dict[str, set[int]] = defaultdict(set)
    for one in kept:
        head = canonical[one.mention.side, one.keyword]
        groups[one.mention.item, one.mention.side, head].append(one)
        members[head].add(one.keyword)
        items[head].add(one.mention.item)
    for (item, side, head), group in sorted(groups.items()):
        kinds: list[Kind] = sorted({one.mention.kind for one in group})
        best = min(group, key=lambda one: get_args(Grounding).index(one.grounding))
        result.keywords.append(
            CuratedKeyword(
                item=item,
                side=side,
                keyword=head,
                source="both" if len(kinds) > 1 else kinds[0],
                support=len(group),
                grounding=best.grounding,
                evidence=best.evidence,
            )
        )
    result.members = {head: sorted(members[head]) for head in sorted(members)}
    result.document_frequency = {head: len(items[head]) for head in result.members}
