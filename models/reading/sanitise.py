"""Names, descriptions and reviews made safe to stand inside a prompt."""

from __future__ import annotations

import html
import re
import unicodedata

from models.reading.injections import before_injection

_MARKUP = re.compile(r"<[^<>]{0,200}>")
_DELIMITERS = re.compile(r"[<>\[\]{}|`\\#\"“”„«»]+")
_LONGEST_READ = 20_000


def clean_text(text: str, budget: int) -> str:
    """Make foreign text safe to stand inside a prompt: data in one line that fits the budget.

    Markup, control characters, line breaks and every character that could open or close a quotation, JSON, a chat
    marker or a template are replaced by spaces, and characters without width are dropped, so that nothing in the text
    can end the field that it stands in. Where the text begins to address the model, it ends
    (models/reading/injections.py).

    Parameters
    ----------
    text
        A name, description or review of any length.
    budget
        Most characters to keep; the cut is made after a sentence or, failing that, a word.
    """
    text = html.unescape(text[:_LONGEST_READ])
    text = _DELIMITERS.sub(" ", _MARKUP.sub(" ", text))
    visible = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in visible)
    text = _DELIMITERS.sub(" ", text)  # NFKC may have produced new ones from wide forms
    text = before_injection(" ".join(text.split()))
    if len(text) <= budget:
        return text
    cut = text[:budget]
    for ends, least in ((".!?。", budget // 2), (" ", 1)):
        end = max(cut.rfind(mark) for mark in ends)
        if end >= least:
            return cut[: end + 1].strip()
    return cut
