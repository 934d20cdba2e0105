"""Settings of the generated sample world (storage/sample/world.py)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class TruthSettings(BaseModel):
    """How a rating comes about from a utility: what the true P(like) rests on beside truth.parquet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise: float = Field(default=1.3, gt=0, description="standard deviation of the noise on the rating scale")
    boredom: float = Field(
        default=0.0,
        ge=0,
        description="stars that a place loses where all of the user's last `boredom_memory` visits were to places of "
        "its category; fewer of them cost in proportion",
    )
    boredom_memory: int = Field(default=5, ge=1, description="last visits that boredom comes from")


class SampleWorldSettings(TruthSettings):
    """Size and difficulty of the sample world."""

    users: int = Field(default=300, ge=1, description="number of users")
    items: int = Field(default=200, ge=5, description="number of places, spread evenly over the categories")
    categories: int = Field(default=5, ge=1, le=5, description="number of categories of places")
    ratings_per_user: int = Field(default=32, ge=5, description="mean number of ratings of a user")
    centre: float = Field(default=2.8, description="rating of a place whose aspects cancel out")
    preference: float = Field(default=0.45, ge=0, description="effect on the rating of an aspect of average importance")
    characters: int = Field(default=4, ge=1, description="number of characters whose likes and dislikes users share")
    character_spread: float = Field(default=1.4, ge=0, description="how much characters differ in what they care about")
    taste_spread: float = Field(default=0.3, ge=0, description="how much users of one character differ")
    user_spread: float = Field(default=0.3, ge=0, description="standard deviation of how generous users are")
    category_spread: float = Field(
        default=0.25, ge=0, description="standard deviation of a user's liking of a category"
    )
    exposure_preference: float = Field(default=0.25, ge=0, description="how strongly users choose what will suit them")
