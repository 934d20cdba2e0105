"""Small valid worlds for tests: random knowledge and interactions, untrained models."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.estimators.baselines import Bias
from models.estimators.ease import EASE, most_frequent, signed_reactions
from models.estimators.kind_mixtures import KindSettings
from models.estimators.logistic import LogisticModel
from models.estimators.rating_factors import FactorSettings, RatingFactors
from models.estimators.recent_categories import CategoryRecency, RecentCategories
from models.estimators.user_kinds import UserKinds
from models.estimators.word_taste import WordTaste
from models.interactions import Interactions
from models.keywords.embeddings import item_vectors
from models.knowledge import ItemKnowledge
from models.response.features import FEATURE_NAMES, ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings
from models.response.similarity import Similarity, neutral_values
from models.simulation.simulator import UserSimulator

N_USERS, N_ITEMS, N_CATEGORIES, N_KEYWORDS, WIDTH, MAX_HISTORY = 20, 15, 4, 30, 6, 12


def random_knowledge(seed: int, n_items: int = N_ITEMS) -> ItemKnowledge:
    """Up to six pros and cons an item, one or two categories; the last item has no con and the first no pro."""
    rng = np.random.default_rng(seed)
    pro, con = rng.random((n_items, N_KEYWORDS)) < 0.15, rng.random((n_items, N_KEYWORDS)) < 0.15
    pro[0], con[-1] = False, False
    categories = rng.random((n_items, N_CATEGORIES)) < 0.2
    categories[np.arange(n_items), rng.integers(N_CATEGORIES, size=n_items)] = True
    vectors = unit_rows(rng, N_KEYWORDS, WIDTH)
    sides = csr_array(pro.astype(np.float32)), csr_array(con.astype(np.float32))
    return ItemKnowledge(
        keywords=tuple(f"keyword {k}" for k in range(N_KEYWORDS)),
        keyword_vectors=vectors,
        pro=sides[0],
        con=sides[1],
        pro_vectors=item_vectors(sides[0], vectors),
        con_vectors=item_vectors(sides[1], vectors),
        categories=csr_array(categories.astype(np.float32)),
        category_names=tuple(f"category {k}" for k in range(N_CATEGORIES)),
        item_names=tuple(f"item {i}" for i in range(n_items)),
    )


def random_interactions(seed: int, n_users: int = N_USERS, n_items: int = N_ITEMS) -> Interactions:
    """From four to ten distinct items a user, seven of ten liked; ratings 1 to 5, liked from 3."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(4, 11, size=n_users)
    users = np.repeat(np.arange(n_users), counts)
    items = np.concatenate([rng.permutation(n_items)[:count] for count in counts])
    likes = rng.random(len(users)) < 0.7
    ratings = np.where(likes, rng.integers(3, 6, size=len(users)), rng.integers(1, 3, size=len(users)))
    return Interactions(users, items, likes, ratings.astype(np.float32), n_users, n_items)


def tiny_world(seed: int) -> UserSimulator:
    """A simulator of 20 users and 15 items in 4 categories with an untrained SASRec."""
    knowledge, interactions = random_knowledge(seed), random_interactions(seed)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    settings = SASRecSettings(width=8, heads=2, blocks=1, max_history=MAX_HISTORY, dropout=0.0)
    sasrec = SASRec(knowledge.categories, settings)
    sasrec.statistics.fit(interactions)
    matching = KeywordMatching(knowledge)
    surprises = sasrec.statistics.training_surprises(interactions)
    models = ResponseModels(
        matching,
        Similarity(knowledge, neutral_values(knowledge, interactions, MAX_HISTORY, seed)),
        sasrec.eval(),
        Bias().fit(interactions),
        RatingFactors(N_ITEMS, FactorSettings()).fit(interactions, surprises),
        WordTaste(csr_array((rng.random((N_ITEMS, N_KEYWORDS)) < 0.15).astype(np.float32))),
        EASE(most_frequent(interactions.items, N_ITEMS, 12), N_ITEMS, 5.0).fit(signed_reactions(interactions)),
        CategoryRecency(RecentCategories(matching.categories), -0.7),
        UserKinds.fit(interactions, surprises, knowledge, 3, KindSettings(in_all=6, content_penalty=1, item_penalty=2)),
    )
    features = rng.normal(size=(50, len(FEATURE_NAMES))).astype(np.float32)
    ensemble = LogisticModel.fit(FEATURE_NAMES, features, features[:, 0] + rng.normal(size=50) > -0.5)
    return UserSimulator(knowledge, interactions, models, ensemble, MAX_HISTORY)


@cache
def shared_world(seed: int) -> UserSimulator:
    """`tiny_world`, made once for all tests that do not change it."""
    return tiny_world(seed)


def unit_rows(rng: np.random.Generator, n: int, width: int) -> NDArray[np.float32]:
    """Random directions: float32 (n, width)."""
    vectors = rng.normal(size=(n, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
