"""Encodes conversations twice: by a prepared folder's chat template, and by the published format with sentencepiece.

Run with the server environment's Python: FAMILY, the prepared folder and the published one; conversations (lists of
OpenAI messages) as JSON on standard input. Prints a JSON list of {"prepared": ids, "published": ids}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sentencepiece import SentencePieceProcessor
from transformers import AutoTokenizer

GMASK, SOP = 64790, 64792
ROLES = {"system": 64794, "user": 64795, "assistant": 64796, "observation": 64797}


def chatglm3(pieces: SentencePieceProcessor, messages: list[dict]) -> list[int]:
    """Prefix, then for each message its role, an empty line and its content, each encoded apart."""
    ids = [GMASK, SOP]
    for message in messages:
        ids += [ROLES[message["role"]], *pieces.encode("\n"), *pieces.encode(message["content"])]
    return [*ids, ROLES["assistant"]]


def chatglm2(pieces: SentencePieceProcessor, messages: list[dict]) -> list[int]:
    """Prefix, then all rounds as one text; the system's message opens the question."""
    system = ""
    if messages[0]["role"] == "system":
        system, messages = messages[0]["content"] + "\n\n", messages[1:]
    text = ""
    for number, message in enumerate(messages):
        if number % 2 == 0:
            text += f"[Round {number // 2 + 1}]\n\n问：{system}{message['content']}\n\n答："
            system = ""
        else:
            text += message["content"] + "\n\n"
    return [GMASK, SOP, *pieces.encode(text)]


def main() -> None:
    family, prepared, published = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    tokenizer = AutoTokenizer.from_pretrained(prepared)
    pieces = SentencePieceProcessor(model_file=str(published / "tokenizer.model"))
    by_format = {"chatglm2": chatglm2, "chatglm3": chatglm3}[family]
    answers = []
    for messages in json.load(sys.stdin):
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        ids = tokenizer.encode(text, add_special_tokens=False)
        answers.append({"prepared": ids, "published": by_format(pieces, messages), "decoded": tokenizer.decode(ids)})
    json.dump({"answers": answers, "line": pieces.encode("\n"), "opening": tokenizer.encode("a film")[:2]}, sys.stdout)


if __name__ == "__main__":
    main()
