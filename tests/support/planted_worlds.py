"""A world whose simulated users are known to like the first half of the unrated items and dislike the second half."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.estimators.baselines import Bias
from models.estimators.ease import EASE
from models.estimators.kind_mixtures import KindSettings
from models.estimators.logistic import LogisticModel
from models.estimators.rating_factors import FactorSettings, RatingFactors
from models.estimators.recent_categories import CategoryRecency, RecentCategories
from models.estimators.user_kinds import UserKinds
from models.estimators.word_taste import WordTaste
from models.interactions import Interactions
from models.knowledge import ItemKnowledge
from models.response.features import FEATURE_NAMES, ResponseModels, feature_matrix
from models.response.keyword_matching import KeywordMatching
from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings
from models.response.similarity import Similarity
from models.simulation.session import Sessions
from models.simulation.settings import EnvironmentSettings
from models.simulation.simulator import UserSimulator

N_USERS, N_RATED, N_NEW = 8, 8, 20
N_ITEMS = N_RATED + N_NEW
NEW_AND_LIKED = np.arange(N_RATED, N_RATED + N_NEW // 2)
GOOD = np.concatenate([np.arange(N_RATED) < N_RATED // 2, np.arange(N_NEW) < N_NEW // 2])


def planted_world() -> UserSimulator:
    """All users rated items 0 to 7 and liked the first four; nobody rated the others, so no prior tells them apart.

    A good item has the pro "good" and its vector, a bad one the con "bad" and its vector: two of three votes.
    """
    good = GOOD
    axis = np.eye(2, 4, dtype=np.float32)
    knowledge = ItemKnowledge(
        keywords=("good", "bad"),
        keyword_vectors=axis,
        pro=csr_array(np.stack([good, ~good & False], axis=1).astype(np.float32)),
        con=csr_array(np.stack([good & False, ~good], axis=1).astype(np.float32)),
        pro_vectors=good[:, None] * axis[0],
        con_vectors=~good[:, None] * axis[1],
        categories=csr_array(np.ones((N_ITEMS, 1), dtype=np.float32)),
        category_names=("all",),
        item_names=tuple(f"item {i}" for i in range(N_ITEMS)),
    )
    items = np.tile(np.arange(N_RATED), N_USERS)
    likes = good[items]
    interactions = Interactions(
        np.repeat(np.arange(N_USERS), N_RATED), items, likes, np.where(likes, 5, 1).astype(np.float32), N_USERS, N_ITEMS
    )
    torch.manual_seed(0)
    sasrec = SASRec(knowledge.categories, SASRecSettings(width=8, heads=2, blocks=1, max_history=20, dropout=0.0))
    matching = KeywordMatching(knowledge)
    models = ResponseModels(
        matching,
        Similarity(knowledge, (0.5, 0.5)),
        sasrec.eval(),
        Bias().fit(interactions),
        RatingFactors(N_ITEMS, FactorSettings()),
        WordTaste(csr_array((N_ITEMS, 0), dtype=np.float32)),
        EASE(np.arange(0), N_ITEMS, 1.0),
        CategoryRecency(RecentCategories(matching.categories)),
        UserKinds.fit(interactions, np.zeros(len(items), dtype=np.float32), knowledge, 2, KindSettings()),
    )
    features = np.random.default_rng(0).normal(size=(50, len(FEATURE_NAMES))).astype(np.float32)
    return UserSimulator(
        knowledge, interactions, models, LogisticModel.fit(FEATURE_NAMES, features, features[:, 0] > 0), 20
    )


def with_probabilities(world: UserSimulator, likely: NDArray[np.bool_]) -> UserSimulator:
    """The planted world with a stack that finds likely what `likely`, bool (n_items,), says, in nine of ten cases."""
    sessions = Sessions(world, EnvironmentSettings(), range(N_USERS))
    rows, items = np.repeat(np.arange(N_USERS), N_ITEMS), np.tile(np.arange(N_ITEMS), N_USERS)
    features = world.models.opinions(sessions.users[rows], items, sessions.histories[rows]).features
    liked = likely[items] ^ (np.random.default_rng(0).random(len(items)) < 0.1)
    world.ensemble = LogisticModel.fit(FEATURE_NAMES, feature_matrix(features), liked)
    return world


def by_vote(**rules: object) -> EnvironmentSettings:
    """Rules under which reactions are votes, which a planted world fixes."""
    return EnvironmentSettings.model_validate({"reaction": "vote", "reward": "reaction", **rules})
