"""SASRec, the sequence model: its network, training and tuning."""

from models.response.sasrec.network import SASRec
from models.response.sasrec.settings import SASRecSettings
from models.response.sasrec.training import train_sasrec

__all__ = ["SASRec", "SASRecSettings", "train_sasrec"]
