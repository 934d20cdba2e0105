"""How a user responds to a candidate: the paper's three models, the vote and the calibrated stack."""

from models.response.features import Features, Opinions, ResponseModels
from models.response.keyword_matching import KeywordMatching
from models.response.sasrec import SASRec
from models.response.similarity import Similarity
from models.response.stacking import fit_stack
from models.response.voting import majority

__all__ = ["Features", "KeywordMatching", "Opinions", "ResponseModels", "SASRec", "Similarity", "fit_stack", "majority"]
