"""The prompts that a language model is sent, and what is read from its replies and from the texts themselves."""

from __future__ import annotations

from models.reading.prompts import ItemFacts, PromptSettings, Review, objective_prompt, subjective_prompt

__all__ = ["ItemFacts", "PromptSettings", "Review", "objective_prompt", "subjective_prompt"]
