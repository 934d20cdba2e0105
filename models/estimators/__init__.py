"""What is fitted on ratings alone: effects, factors, EASE, boosting, statistics, tastes for words, kinds of users."""

from models.estimators.baselines import Bias
from models.estimators.ease import EASE
from models.estimators.logistic import LogisticModel
from models.estimators.matrix_factorisation import MatrixFactorisation
from models.estimators.rating_factors import RatingFactors
from models.estimators.reaction_statistics import ReactionStatistics
from models.estimators.user_kinds import UserKinds
from models.estimators.word_taste import WordTaste

__all__ = [
    "EASE",
    "Bias",
    "LogisticModel",
    "MatrixFactorisation",
    "RatingFactors",
    "ReactionStatistics",
    "UserKinds",
    "WordTaste",
]
