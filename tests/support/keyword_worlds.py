"""Small worlds whose items' vectors are those of their keywords, so that keywords can be taken away."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.explanation.attribution import Pairs
from models.explanation.keyword_removal import OwnKeyword
from models.keywords.embeddings import item_vectors
from models.knowledge import ItemKnowledge
from models.response.keyword_matching import KeywordMatching
from models.response.similarity import Similarity
from models.simulation.simulator import UserSimulator
from tests.models.explanation.test_attribution import pairs_of
from tests.support.worlds import N_KEYWORDS, WIDTH, shared_world


@cache
def keyword_world(seed: int) -> UserSimulator:
    """A tiny world with other keyword vectors than its items were given."""
    world = shared_world(seed)
    vectors = np.random.default_rng(seed).normal(size=(N_KEYWORDS, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return _with_knowledge(world, _with_keyword_vectors(world.knowledge, vectors))


def unrated_pairs(world: UserSimulator) -> Pairs:
    """Pairs whose histories do not hold the candidate."""
    pairs = pairs_of(world)
    return pairs.without(np.arange(len(pairs)), pairs.histories.items == pairs.items[:, None])


def world_without(world: UserSimulator, item: int, keywords: tuple[OwnKeyword, ...]) -> UserSimulator:
    """The simulator of a world where the item never had these keywords."""
    sets = {"pro": world.knowledge.pro.toarray(), "con": world.knowledge.con.toarray()}
    for side, column in keywords:
        sets[side][item, column] = 0
    changed = replace(world.knowledge, pro=csr_array(sets["pro"]), con=csr_array(sets["con"]))
    return _with_knowledge(world, _with_keyword_vectors(changed, world.knowledge.keyword_vectors))


def _with_keyword_vectors(knowledge: ItemKnowledge, vectors: NDArray[np.float32]) -> ItemKnowledge:
    """Items' vectors as the step `embed` makes them."""
    pro, con = (item_vectors(sets, vectors) for sets in (knowledge.pro, knowledge.con))
    return replace(knowledge, keyword_vectors=vectors, pro_vectors=pro, con_vectors=con)


def _with_knowledge(world: UserSimulator, knowledge: ItemKnowledge) -> UserSimulator:
    """The same simulator with other keywords; how much a keyword tells stays."""
    rarities, neutral = world.models.keyword_matching.rarities, world.models.similarity.neutral
    models = replace(
        world.models,
        keyword_matching=KeywordMatching(knowledge, rarities),
        similarity=Similarity(knowledge, neutral),
        kinds=world.models.kinds.knowing(knowledge),
    )
    return UserSimulator(knowledge, world.interactions, models, world.ensemble, world.max_history)
