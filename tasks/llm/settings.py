"""How requests are sent to a language model: how many at once, how patiently, in shards of what size."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ClientSettings(BaseModel):
    """How requests are sent. None of it changes an answer, so none of it is in a cache key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: int = Field(default=64, ge=1, description="Most requests in flight at each address of the server")
    timeout_seconds: float = Field(default=300.0, gt=0, description="Longest wait for one answer")
    attempts: int = Field(default=5, ge=1, description="Sends of one request before its error counts")
    first_pause_seconds: float = Field(
        default=0.5, ge=0, description="Pause before the second send; doubles from there"
    )
    longest_pause_seconds: float = Field(default=20.0, ge=0, description="Longest pause between sends")
    busy_seconds: float = Field(
        default=600.0, ge=0, description="How long a server may say that it is busy and answer nothing"
    )
    restarts: int = Field(default=3, ge=0, description="Restarts of a lost server before a shard gives up")
    shard_prompts: int = Field(
        default=2000, ge=1, description="Prompts of one task in Prefect: what a retry looks through again"
    )
    offline: bool = Field(
        default=False, description="Answer a shard by one run of `vllm run-batch` instead of asking a server"
    )
