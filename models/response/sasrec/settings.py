"""Settings of SASRec (models/response/sasrec/network.py)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SASRecSettings(BaseModel):
    """Shape of the network and how it is trained; the defaults suit tens of thousands of interactions on two cores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=32, gt=0, description="size of item vectors and states")
    heads: int = Field(default=2, gt=0, description="attention heads; divides width")
    blocks: int = Field(default=1, ge=0, description="self-attention blocks")
    max_history: int = Field(default=100, gt=0, description="last interactions that attention looks at")
    statistics_history: int = Field(default=200, gt=0, description="last interactions that the user's statistics count")
    published: bool = Field(
        default=False, description="items alone, as published: no reactions, ratings, categories or statistics"
    )
    dropout: float = Field(default=0.3, ge=0, lt=1, description="dropout rate of embeddings and blocks")
    learning_rate: float = Field(default=0.003, gt=0, description="AdamW's step size")
    weight_decay: float = Field(default=60.0, ge=0, description="AdamW's decay of matrices and embeddings")
    batch_size: int = Field(default=64, gt=0, description="sequences in a training step")
    max_epochs: int = Field(default=20, gt=0, description="upper limit of passes over the training interactions")
    patience: int = Field(default=3, gt=0, description="epochs without a better validation AUC before training stops")
    threads: int = Field(default=1, gt=0, description="CPU threads in training; another number rounds differently")
    seed: int = Field(default=0, ge=0, description="of the initial weights, the order of batches and dropout")

    def as_published(self) -> SASRecSettings:
        """The same size and training for the published network, at the weight decay that suits it."""
        return self.model_copy(update={"published": True, "weight_decay": 1.0})
