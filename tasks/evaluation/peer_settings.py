"""Settings of the peers (tasks/evaluation/peers.py)."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from models.estimators.feedback_transformer import FeedbackTransformerSettings
from models.reading.token_probabilities import RatingScale
from storage.settings.datasets import DatasetSettings
from storage.settings.llm_profiles import LLMProfile
from tasks.llm.settings import ClientSettings


class PeerSettings(BaseModel):
    """Which pairs are judged, and what the peers are shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pairs: int = Field(default=500, gt=0, description="test pairs that all judge; fewer where there are fewer")
    similar: int = Field(default=5, ge=0, description="similar past items in a prompt that asks for a rating")
    last: int = Field(default=10, ge=1, description="last reactions in a prompt that asks for yes or no")
    max_failed_share: float = Field(
        default=0.2, ge=0, le=1, description="a larger share of answers that cannot be read fails the step"
    )
    transformer: FeedbackTransformerSettings = FeedbackTransformerSettings()
    resamples: int = Field(default=500, gt=0, description="bootstrap samples of users behind each interval")
    seed: int = Field(default=0, ge=0, description="of the drawn pairs and of the samples")
    scale: tuple[float, float, float] = Field(
        default=(1, 5, 3), description="lowest and highest rating and the like threshold; the dataset's"
    )
    noun: str = Field(default="item", description="what an item is called; the dataset's")
    model: str = Field(default="", description="name of the language model; the profile's")
    revision: str | None = Field(default=None, description="its revision; the profile's")
    client: ClientSettings = Field(
        default=ClientSettings(), exclude=True, description="how the server is sent requests; changes no answer"
    )

    def of_run(self, dataset: DatasetSettings, profile: LLMProfile) -> Self:
        """These settings for a dataset and a language-model profile."""
        scale = (dataset.rating_min, dataset.rating_max, dataset.like_threshold)
        client = self.client.model_copy(update={"concurrency": profile.concurrency})
        named = {"model": profile.served_name, "revision": profile.answering_revision}
        return self.model_copy(update={"scale": scale, "noun": dataset.noun, "client": client, **named})

    @property
    def rating_scale(self) -> RatingScale:
        """The dataset's scale as prompts show it."""
        return RatingScale(*self.scale)
