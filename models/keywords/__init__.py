"""From answers of the language model to a vocabulary: curation, grounding, synonyms, embeddings."""
