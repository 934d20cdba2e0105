"""From the replies of a language model to a vocabulary: curation, grounding, synonyms, embeddings."""

from __future__ import annotations

from models.keywords.curation import CurationSettings, curate_keywords
from models.keywords.embeddings import EmbeddingSettings, SentenceEncoder
from models.keywords.nearest import NearestVectors

__all__ = ["CurationSettings", "EmbeddingSettings", "NearestVectors", "SentenceEncoder", "curate_keywords"]
