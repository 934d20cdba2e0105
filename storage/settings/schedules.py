"""When a dataset is run by itself: the section `schedule` of its profile."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

_Cron = Annotated[str, Field(pattern=r"^\S+( \S+){4}$")]


class ScheduleSettings(BaseModel):
    """Cron lines of the runs that `recaudience serve` starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reading: _Cron | None = Field(
        default="0 1 * * *", description="when data are refreshed and new items read; null for never"
    )
    training: _Cron | None = Field(
        default="0 3 * * 0", description="when the whole pipeline runs, with training; null for never"
    )
    timezone: str = Field(default="UTC", description="name of the time zone, such as Europe/Berlin")
