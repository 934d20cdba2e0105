"""Support of a keyword by the meaning of its source, where its words do not occur there.

The support is the largest cosine of the keyword with a sentence that does not speak for the other side: embeddings put
opposites side by side ("friendly baristas", "the barista was short with us"). From which cosine on it counts is fitted
where the content of a text is certain (benchmarks/keywords.py, on the sample world): the lowest threshold with the
required precision loses the fewest true keywords.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.keywords.embeddings import Encode
from models.knowledge import Side
from models.reading.chinese import is_chinese
from models.reading.clauses import clauses_of
from models.reading.source_text import SourceText

_ANY_NOUN = "item"


@dataclass(frozen=True)
class NearestSentence:
    """The sentence of a source that is nearest to a keyword in meaning; '' and -1 where none supports it."""

    sentence: str
    cosine: float


def nearest_sentences(keywords: Sequence[tuple[str, Side, SourceText]], encode: Encode) -> list[NearestSentence]:
    """The nearest sentence of each (keyword, side, source).

    Parameters
    ----------
    keywords
        n keywords with the side that they are meant for and the text that they were read from.
    encode
        Texts to unit vectors, float32 (n, d). It reads English; Chinese keywords have no nearest sentence.
    """
    readable = [[] if is_chinese(word) else _supporting(source, side) for word, side, source in keywords]
    texts = sorted({word for word, _, _ in keywords} | {sentence for sentences in readable for sentence in sentences})
    vectors = dict(zip(texts, encode(texts), strict=True)) if texts else {}
    nearest = []
    for (word, _, _), sentences in zip(keywords, readable, strict=True):
        cosines = [float(vectors[word] @ vectors[sentence]) for sentence in sentences]
        best = int(np.argmax(cosines)) if cosines else -1
        nearest.append(NearestSentence(sentences[best], cosines[best]) if cosines else NearestSentence("", -1.0))
    return nearest


def _supporting(source: SourceText, side: Side) -> list[str]:
    """Sentences without a clause for the other side."""
    return [
        sentence
        for sentence in source.segments
        if all(clause.side(_ANY_NOUN) in (side, None) for clause in clauses_of(sentence))
    ]


@dataclass(frozen=True)
class CurvePoint:
    """Keywords that a threshold admits: their number, precision and recall."""

    threshold: float
    admitted: int
    precision: float
    recall: float


def precision_recall(
    cosines: NDArray[np.float32], correct: NDArray[np.bool_], thresholds: Iterable[float]
) -> list[CurvePoint]:
    """Points of the curve, by rising threshold.

    Parameters
    ----------
    cosines
        float32 array of shape (n,): largest cosine of each keyword with a sentence of its source.
    correct
        bool array of shape (n,): whether the source says what the keyword says.
    thresholds
        Cosines to try.
    """
    points = []
    for threshold in sorted(thresholds):
        admitted = cosines >= threshold
        right = int((admitted & correct).sum())
        points.append(
            CurvePoint(
                threshold,
                int(admitted.sum()),
                right / max(1, int(admitted.sum())),
                right / max(1, int(correct.sum())),
            )
        )
    return points


def fitted_threshold(curve: Sequence[CurvePoint], least_precision: float) -> float | None:
    """The lowest threshold whose admitted keywords are precise enough; None where there is none."""
    precise = [point.threshold for point in curve if point.admitted and point.precision >= least_precision]
    return min(precise, default=None)
