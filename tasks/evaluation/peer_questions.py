"""The questions that the peers which are language models are asked about test pairs.

A prompt shows train reactions of the pair's user and the candidate's facts, and nothing else: no other held-out
reaction, no review, and not the reaction that is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from models.interactions import Interactions
from models.knowledge import ItemKnowledge
from models.reading.peer_prompts import PastReaction, UserDescription, rating_prompt, yes_no_prompt
from models.reading.prompts import ItemFacts, Message
from models.reading.token_probabilities import RatingScale
from storage.completions import completion_key
from tasks.llm.questions import Question

LIKELIEST_TOKENS = 20  # as many as servers of the OpenAI protocol give
_FAVOURITES = 3


class AskedModel(NamedTuple):
    """The language model as it stands in a completion's key."""

    model: str
    revision: str | None


class PeerPrompts:
    """Prompts about pairs of a user and a candidate.

    Parameters
    ----------
    items
        The item table.
    knowledge
        Categories and keyword embeddings of the items, which similarity is made of.
    train
        The reactions that may be shown.
    scale, noun
        Of the dataset's ratings, and what an item is called.
    """

    def __init__(
        self, items: pl.DataFrame, knowledge: ItemKnowledge, train: Interactions, scale: RatingScale, noun: str
    ) -> None:
        self.train, self._scale, self._noun, self._knowledge = train, scale, noun, knowledge
        self._facts = [
            ItemFacts(name, attributes, tuple(categories), description)
            for name, attributes, categories, description in items.sort("item_id")
            .select("name", "attributes", "categories", "description")
            .iter_rows()
        ]

    def rating(self, user: int, item: int, n_similar: int) -> tuple[Message, ...]:
        """Ask for a rating, with the reactions to the `n_similar` past items that are most like the candidate."""
        rows = self._rows(user)
        order = np.argsort(-self._similarities(item, self.train.items[rows]), kind="stable")[:n_similar]
        similar = [self._past(row) for row in rows[order].tolist()]
        return rating_prompt(self._facts[item], self._description(rows), similar, self._scale, self._noun)

    def yes_no(self, user: int, item: int, n_last: int) -> tuple[Message, ...]:
        """Ask for yes or no, with the user's last `n_last` reactions."""
        history = [self._past(row) for row in self._rows(user)[-n_last:].tolist()]
        return yes_no_prompt(self._facts[item], history, self._noun)

    def _rows(self, user: int) -> NDArray[np.int64]:
        return np.arange(*self.train.offsets[user : user + 2])

    def _past(self, row: int) -> PastReaction:
        facts = self._facts[self.train.items[row]]
        return PastReaction(facts.name, facts.categories, float(self.train.ratings[row]), bool(self.train.likes[row]))

    def _description(self, rows: NDArray[np.int64]) -> UserDescription:
        liked = rows[self.train.likes[rows]]
        counts = Counter(name for item in self.train.items[liked] for name in self._facts[item].categories)
        favourites = sorted(counts, key=lambda name: (-counts[name], name))[:_FAVOURITES]
        mean = float(self.train.ratings[rows].mean()) if len(rows) else self._mean_rating
        return UserDescription(len(rows), mean, tuple(favourites))

    @cached_property
    def _mean_rating(self) -> float:
        return float(self.train.ratings.mean()) if len(self.train) else self._scale.like_threshold

    def _similarities(self, item: int, past: NDArray[np.int64]) -> NDArray[np.float32]:
        """Cosine of the categories plus that of the pro keywords' mean embeddings, of an item and past ones: (n,)."""
        knowledge, rows = self._knowledge, np.append(past, item)
        categories = knowledge.categories[rows].toarray()
        categories /= np.maximum(np.linalg.norm(categories, axis=1, keepdims=True), 1e-9)
        vectors = knowledge.pro_vectors[rows]
        return categories[:-1] @ categories[-1] + vectors[:-1] @ vectors[-1]


def questions_of(
    prompts: Sequence[tuple[Message, ...]], asked: AskedModel, accept: Callable[[str], object]
) -> list[Question]:
    """Prompts as requests for the likeliest first tokens of an answer, with their probabilities."""
    return [_question(prompt, asked, accept) for prompt in prompts]


def _question(prompt: tuple[Message, ...], asked: AskedModel, accept: Callable[[str], object]) -> Question:
    messages: JsonValue = [{"role": message["role"], "content": message["content"]} for message in prompt]
    answer: dict[str, JsonValue] = {
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
        "top_logprobs": LIKELIEST_TOKENS,
    }
    key = completion_key(
        {"model": asked.model, "revision": asked.revision, "sampling": answer, "messages": messages, "schema": None}
    )
    return Question((key,), ({"messages": messages, **answer},), accept, first_token=True)
