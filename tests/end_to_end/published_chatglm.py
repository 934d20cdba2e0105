"""Makes a folder such as ChatGLM's authors publish, without their weights: run with the server environment's Python.

    .venv-llm/bin/python tests/end_to_end/published_chatglm.py FOLDER tiny|6b-config

`tiny` has ChatGLM3-6B's architecture, settings and weight names in a small size with random weights; `6b-config` its
full size without any weights (for `vllm serve --load-format dummy`). The sentencepiece model is trained on the spot and
filled up to the published number of pieces, so that special tokens have their real ids.
"""

from __future__ import annotations

import io
import json
import random
import sys
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

PIECES = 64789
SIZES = {
    "tiny": {"hidden_size": 128, "ffn_hidden_size": 320, "num_layers": 2, "num_attention_heads": 4, "kv_channels": 32},
    "6b-config": {
        "hidden_size": 4096,
        "ffn_hidden_size": 13696,
        "num_layers": 28,
        "num_attention_heads": 32,
        "kv_channels": 128,
    },
}
ARCHITECTURE = {
    "architectures": ["ChatGLMModel"],
    "auto_map": {"AutoConfig": "configuration_chatglm.ChatGLMConfig"},
    "model_type": "chatglm",
    "add_bias_linear": False,
    "add_qkv_bias": True,
    "apply_query_key_layer_scaling": True,
    "apply_residual_connection_post_layernorm": False,
    "attention_dropout": 0.0,
    "attention_softmax_in_fp32": True,
    "bias_dropout_fusion": True,
    "fp32_residual_connection": False,
    "hidden_dropout": 0.0,
    "layernorm_epsilon": 1e-05,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "original_rope": True,
    "padded_vocab_size": 65024,
    "post_layer_norm": True,
    "rmsnorm": True,
    "seq_length": 8192,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "use_cache": True,
}
TEXT = """
the a was and but so very film song menu waiter cook story plot acting music rude friendly slow dull lovely loud cold
fresh boring moving keyword keywords reason evidence about pros cons like dislike philosophy 电影 音乐 餐厅 服务员
很 好看 好吃 粗鲁 节奏 慢 演员 故事 [Round 1] 问： 答：
"""


def sentencepiece_model() -> bytes:
    """Train a model of ChatGLM's kind: byte pairs, single digits, bytes for the unknown, white space kept."""
    coin, words = random.Random(0), TEXT.split()
    sentences = (" ".join(coin.choices(words, k=12)) + f", {coin.randrange(10_000)}." for _ in range(3000))
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences,
        model_writer=trained,
        model_type="bpe",
        vocab_size=900,
        hard_vocab_limit=False,
        character_coverage=1.0,
        byte_fallback=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        num_threads=1,
        minloglevel=2,
    )
    model = sentencepiece_model_pb2.ModelProto.FromString(trained.getvalue())
    for number in range(PIECES - len(model.pieces)):
        model.pieces.add(
            piece=f"<unused{number}>", score=0.0, type=sentencepiece_model_pb2.ModelProto.SentencePiece.UNUSED
        )
    return model.SerializeToString()


def write_weights(folder: Path, config: dict[str, int]) -> None:
    """Random weights under the published names, in two files."""
    import torch
    from safetensors.torch import save_file

    coin = torch.Generator().manual_seed(0)
    hidden, inner, vocabulary = config["hidden_size"], config["ffn_hidden_size"], config["padded_vocab_size"]
    queries_keys_values = hidden + 2 * config["multi_query_group_num"] * config["kv_channels"]
    shapes = {"transformer.embedding.word_embeddings.weight": (vocabulary, hidden)}
    for layer in range(config["num_layers"]):
        shapes |= {
            f"transformer.encoder.layers.{layer}.{name}": shape
            for name, shape in {
                "input_layernorm.weight": (hidden,),
                "self_attention.query_key_value.weight": (queries_keys_values, hidden),
                "self_attention.query_key_value.bias": (queries_keys_values,),
                "self_attention.dense.weight": (hidden, hidden),
                "post_attention_layernorm.weight": (hidden,),
                "mlp.dense_h_to_4h.weight": (2 * inner, hidden),
                "mlp.dense_4h_to_h.weight": (hidden, inner),
            }.items()
        }
    shapes |= {
        "transformer.encoder.final_layernorm.weight": (hidden,),
        "transformer.output_layer.weight": (vocabulary, hidden),
        "transformer.rotary_pos_emb.inv_freq": (config["kv_channels"] // 4,),
    }
    weights = {
        name: torch.ones(shape, dtype=torch.float16)
        if "layernorm" in name
        else (torch.randn(shape, generator=coin) * (shape[-1] ** -0.5)).half()
        for name, shape in shapes.items()
    }
    weights["transformer.output_layer.weight"] *= 0.3  # near to even odds, so that an answer does not run in circles
    names, half = sorted(weights), len(weights) // 2
    for number, part in enumerate((names[:half], names[half:]), start=1):
        file = folder / f"model-0000{number}-of-00002.safetensors"
        save_file({name: weights[name] for name in part}, file, {"format": "pt"})


def main() -> None:
    folder, size = Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(parents=True)
    config = ARCHITECTURE | SIZES[size]
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    if size == "6b-config":
        (folder / "model.safetensors").touch()
    else:
        write_weights(folder, config)


if __name__ == "__main__":
    main()
