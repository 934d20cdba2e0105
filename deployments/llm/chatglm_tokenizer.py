"""ChatGLM's tokenizer for today's transformers: a fast tokenizer made of the published sentencepiece model.

ChatGLM2 and ChatGLM3 were published with tokenizer code that current transformers no longer runs. It does little:
sentencepiece encodes text, special tokens take the ids that follow its vocabulary, and text can never become one of
them. Here the same is said in the format of the `tokenizers` library, so that no code of the model is executed.

Prompt formats: https://github.com/THUDM/ChatGLM3/blob/main/PROMPT_en.md (roles as special tokens) and, for ChatGLM2,
the rounds of its `build_prompt`. They stand as chat templates in chatglm3.jinja and chatglm2.jinja.
"""

from __future__ import annotations

from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, processors
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

_MASKS = ("[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>")
_ROLES = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
SPECIAL_TOKENS = {"chatglm2": _MASKS, "chatglm3": (*_MASKS, *_ROLES)}
"""In the order of their ids, which follow the sentencepiece vocabulary: 64789 `[MASK]` ... 64797 `<|observation|>`.

Published as `sop` and `eop`: in brackets here, since a fast tokenizer finds its tokens in any text, and `philosophy` is
a word. Chat templates break these up wherever they stand in a message, so that a message stays text.
"""
STOP_TOKENS = {"chatglm2": ("</s>",), "chatglm3": ("</s>", "<|user|>", "<|observation|>")}
"""Tokens that end an answer, as in the published models' own chat function."""

_SPACE = "▁"
_UNKNOWN, _USER_DEFINED, _UNUSED = 2, 4, 5  # kinds of sentencepiece's pieces
_ANY_LANGUAGE = (
    "The waiter was rude, but the food (for 12.50) was lovely!",
    "philosophy, sopranos and eopsin",
    "这家餐厅的服务员很粗鲁，菜也凉了。",
    "电影 Heat (1995)：节奏慢，演员好。",
    "  indented\n\tand broken\r\n\nover lines  ",
    '{"keywords": ["rude waiter", "cold food"]}',
    "émotions, ελληνικά, עברית, 日本語, 한국어, 🎬🍿, \x07\x7f\ufeff",
    " ",
    "\n",
    "",
)
"""Texts on which the fast tokenizer must agree with sentencepiece before it is written."""


def fast_tokenizer(model: Path, family: str, context_length: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer with the chat template of `family` from a published `tokenizer.model`.

    Parameters
    ----------
    model
        The sentencepiece model.
    family
        `chatglm2` or `chatglm3`.
    context_length
        Longest sequence of the model, in tokens.

    Raises
    ------
    ValueError
        Where the sentencepiece model is of a kind that ChatGLM does not use, or the result differs from it.
    """
    published = sentencepiece_model_pb2.ModelProto.FromString(model.read_bytes())
    tokenizer = _converted(published)
    specials = SPECIAL_TOKENS[family]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in specials])
    prefix = ["[gMASK]", "<sop>"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[*prefix, "$A"], special_tokens=[(token, tokenizer.token_to_id(token)) for token in prefix]
    )
    _require_agreement(tokenizer, published, specials)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<unk>",
        eos_token="</s>",
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=context_length,
        chat_template=Path(__file__).with_name(f"{family}.jinja").read_text(encoding="utf-8"),
    )


def _converted(published: sentencepiece_model_pb2.ModelProto) -> Tokenizer:
    """Byte-pair encoding with the pieces, merges and fallback to bytes of a sentencepiece model."""
    normalizer = published.normalizer_spec
    kinds = {piece.type for piece in published.pieces}
    if published.trainer_spec.model_type != 2 or normalizer.remove_extra_whitespaces or _USER_DEFINED in kinds:
        raise ValueError(
            "tokenizer.model: expected byte-pair encoding that keeps white space and has no symbols of a user, as "
            "ChatGLM2 and ChatGLM3 have. Is it theirs?"
        )
    ids = {piece.piece: number for number, piece in enumerate(published.pieces)}
    tokenizer = Tokenizer(
        BPE(ids, _merges(published, ids), unk_token=_unknown(published), byte_fallback=True, fuse_unk=True)
    )
    steps = [normalizers.Precompiled(normalizer.precompiled_charsmap)] if normalizer.precompiled_charsmap else []
    if normalizer.add_dummy_prefix:
        steps.append(normalizers.Prepend(_SPACE))
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", _SPACE)])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", left=1)]
    )
    return tokenizer


def _merges(published: sentencepiece_model_pb2.ModelProto, ids: dict[str, int]) -> list[tuple[str, str]]:
    """Pairs of pieces that join to a piece, in sentencepiece's order: the piece with the highest score first."""
    joined = [piece for piece in published.pieces if piece.type == 1 and len(piece.piece) > 1]
    joined.sort(key=lambda piece: -piece.score)
    pairs = [(text.piece[:cut], text.piece[cut:]) for text in joined for cut in range(1, len(text.piece))]
    return [(left, right) for left, right in pairs if left in ids and right in ids]


def _unknown(published: sentencepiece_model_pb2.ModelProto) -> str:
    return next(piece.piece for piece in published.pieces if piece.type == _UNKNOWN)


def _require_agreement(
    tokenizer: Tokenizer, published: sentencepiece_model_pb2.ModelProto, specials: tuple[str, ...]
) -> None:
    """Raise ValueError where the tokenizer encodes differently from sentencepiece, or a special token's id is wrong."""
    reference = sentencepiece.SentencePieceProcessor(model_proto=published.SerializeToString())
    for text in _ANY_LANGUAGE:
        found, expected = tokenizer.encode(text, add_special_tokens=False).ids, reference.encode(text)
        if found != expected:
            raise ValueError(f"{text!r} becomes the tokens {found}, by sentencepiece {expected}.")
    expected = list(range(len(published.pieces), len(published.pieces) + len(specials)))
    if [tokenizer.token_to_id(token) for token in specials] != expected:
        raise ValueError(f"special tokens {specials} do not have the ids {expected[0]} to {expected[-1]}.")
