from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.keywords.grounding import CurvePoint, fitted_threshold, nearest_sentences, precision_recall
from models.reading.source_text import SourceText

COSINES = np.array([0.9, 0.8, 0.7, 0.6, 0.5], dtype=np.float32)
CORRECT = np.array([True, True, False, True, False])


def encode(texts: Sequence[str]) -> NDArray[np.float32]:
    """Whatever speaks of staff lies in one direction, all else in another."""
    rows = [[1.0, 0.0] if "barista" in text or "counter" in text else [0.0, 1.0] for text in texts]
    return np.array(rows, dtype=np.float32).reshape(len(rows), 2)


def test_a_curve_tells_what_a_threshold_admits_and_how_much_of_it_is_right() -> None:
    assert precision_recall(COSINES, CORRECT, [0.85, 0.55, 0.95]) == [
        CurvePoint(0.55, 4, 0.75, 1.0),
        CurvePoint(0.85, 1, 1.0, 1 / 3),
        CurvePoint(0.95, 0, 0.0, 0.0),
    ]


def test_the_least_threshold_that_admits_precisely_enough_is_fitted() -> None:
    curve = precision_recall(COSINES, CORRECT, [0.45, 0.55, 0.65, 0.75, 0.85, 0.95])
    assert fitted_threshold(curve, 0.9) == 0.75
    assert fitted_threshold(curve, 0.6) == 0.45
    assert fitted_threshold(precision_recall(COSINES, ~CORRECT, [0.45, 0.75]), 0.9) is None


def test_a_sentence_that_speaks_for_the_other_side_supports_nothing() -> None:
    source = SourceText("Nobody at the counter looked up. The barista was rude. Fine cakes.")
    con, pro = nearest_sentences([("slow baristas", "con", source), ("quick baristas", "pro", source)], encode)
    assert (con.sentence, con.cosine) == ("Nobody at the counter looked up", 1.0)
    assert pro.sentence == "Nobody at the counter looked up", "it takes no side"
    only = SourceText("The barista was rude.")
    assert nearest_sentences([("friendly baristas", "pro", only)], encode)[0].cosine == -1.0


def test_what_the_encoder_cannot_read_has_no_nearest_sentence() -> None:
    assert nearest_sentences([("态度很差", "con", SourceText("服务员态度很差。"))], encode)[0].cosine == -1.0
