"""Profiles of datasets and of language models."""

from __future__ import annotations

from storage.settings.datasets import (
    DatasetSettings,
    list_dataset_profiles,
    load_dataset_profile,
    load_dataset_settings,
    own_profiles,
)
from storage.settings.fetch import ByHand, FromPublisher, RemoteFile
from storage.settings.llm_profiles import LLMProfile, Sampling, list_llm_profiles, load_llm_profile
from storage.settings.sample import SampleWorldSettings
from storage.settings.schedules import ScheduleSettings
from storage.settings.sources import set_source, source_on_this_machine
from storage.settings.table import TableSettings, TimeUnit

__all__ = [
    "ByHand",
    "DatasetSettings",
    "FromPublisher",
    "LLMProfile",
    "RemoteFile",
    "SampleWorldSettings",
    "Sampling",
    "ScheduleSettings",
    "TableSettings",
    "TimeUnit",
    "list_dataset_profiles",
    "list_llm_profiles",
    "load_dataset_profile",
    "load_dataset_settings",
    "load_llm_profile",
    "own_profiles",
    "set_source",
    "source_on_this_machine",
]
