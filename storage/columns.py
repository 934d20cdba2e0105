"""Names of table columns, each in one place."""

from __future__ import annotations


class Columns:
    """Column names of the run folder's tables."""

    USER = "user_id"
    ITEM = "item_id"
    SOURCE = "source_id"

    RATING = "rating"
    LIKE = "like"
    TIME = "timestamp"
    ORDER = "order"
    SPLIT = "split"
    REVIEW = "review_text"
    WORDS = "words"

    NAME = "name"
    CATEGORIES = "categories"
    ATTRIBUTES = "attributes"
    DESCRIPTION = "description"

    PROBABILITY = "probability"
    CONFIDENCE = "confidence"
    VOTES = "votes"
    AVERAGE_LOGIT = "average_logit"
    CONTRIBUTIONS = "contributions"
    REASONS = "reasons"
    TURNED_WITHOUT = "turned_without"
    KEYWORDS_TURNED_WITHOUT = "keywords_turned_without"
    FAITHFUL = "faithful"
    SENTENCE = "sentence"
    WHY = "why"
    ASPECT = "aspect"

    KIND = "kind"
    SIDE = "side"
    PROMPT_HASH = "prompt_hash"
    MODEL = "model"
    RESPONSE = "response"
    STATUS = "status"
    REASON = "reason"
    KEYWORDS = "keywords"
    EVIDENCE = "evidence"
    PROMPT_TOKENS = "prompt_tokens"
    OUTPUT_TOKENS = "output_tokens"

    KEYWORD = "keyword"
    KEYWORD_SOURCE = "source"
    SUPPORT = "support"
    GROUNDED = "grounded"
    GROUNDING = "grounding"
    MEMBERS = "members"
    DOCUMENT_FREQUENCY = "document_frequency"
    RULE = "rule"
    VECTOR = "vector"
