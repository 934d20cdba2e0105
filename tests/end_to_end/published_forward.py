"""ChatGLM2's and ChatGLM3's architecture written out plainly, to compare a server's probabilities with.

Run with the server environment's Python: the published folder; lists of token ids as JSON on standard input. Prints for
each the five likeliest next tokens with their log-probabilities.

Source: the models' config.json and the description of GLM (arXiv 2406.12793): pre-norm with RMSNorm, multi-query
attention with biases on queries, keys and values, rotary positions on the first half of each head in interleaved pairs,
SwiGLU.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

Weights = dict[str, torch.Tensor]


def rms_norm(states: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
    return weight * states * torch.rsqrt(states.pow(2).mean(-1, keepdim=True) + epsilon)


def rotated(heads: torch.Tensor) -> torch.Tensor:
    """Turn pairs of neighbours in the first half of each head by their position; heads: (tokens, heads, channels)."""
    tokens, _, channels = heads.shape
    half = channels // 2
    angles = torch.outer(torch.arange(tokens), 10000.0 ** (-torch.arange(0, half, 2) / half))
    cosine, sine = angles.cos()[:, None, :], angles.sin()[:, None, :]
    even, odd = heads[..., 0:half:2], heads[..., 1:half:2]
    turned = torch.stack((even * cosine - odd * sine, odd * cosine + even * sine), dim=-1).flatten(-2)
    return torch.cat((turned, heads[..., half:]), dim=-1)


def attention(states: torch.Tensor, weights: Weights, config: dict) -> torch.Tensor:
    heads, groups, channels = config["num_attention_heads"], config["multi_query_group_num"], config["kv_channels"]
    joint = states @ weights["query_key_value.weight"].T + weights["query_key_value.bias"]
    queries, keys, values = joint.split([heads * channels, groups * channels, groups * channels], dim=-1)
    queries = rotated(queries.unflatten(-1, (heads, channels))).transpose(0, 1)
    keys = rotated(keys.unflatten(-1, (groups, channels))).repeat_interleave(heads // groups, 1).transpose(0, 1)
    values = values.unflatten(-1, (groups, channels)).repeat_interleave(heads // groups, 1).transpose(0, 1)
    scores = queries @ keys.transpose(1, 2) / channels**0.5
    scores = scores.masked_fill(torch.ones(scores.shape[1:]).triu(1).bool(), float("-inf"))
    return (scores.softmax(-1) @ values).transpose(0, 1).flatten(-2) @ weights["dense.weight"].T


def next_token_logits(ids: list[int], weights: Weights, config: dict) -> torch.Tensor:
    """Float32 logits, shape (vocabulary,), of the token after `ids`."""
    epsilon = config["layernorm_epsilon"]
    states = weights["transformer.embedding.word_embeddings.weight"][ids]
    for number in range(config["num_layers"]):
        start = f"transformer.encoder.layers.{number}."
        layer = {name.removeprefix(start): weight for name, weight in weights.items() if name.startswith(start)}
        inner = {name.removeprefix("self_attention."): weight for name, weight in layer.items()}
        states = states + attention(rms_norm(states, layer["input_layernorm.weight"], epsilon), inner, config)
        normed = rms_norm(states, layer["post_attention_layernorm.weight"], epsilon)
        gate, up = (normed @ layer["mlp.dense_h_to_4h.weight"].T).chunk(2, dim=-1)
        states = states + (torch.nn.functional.silu(gate) * up) @ layer["mlp.dense_4h_to_h.weight"].T
    last = rms_norm(states[-1], weights["transformer.encoder.final_layernorm.weight"], epsilon)
    return weights["transformer.output_layer.weight"] @ last


def main() -> None:
    folder = Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    weights = {name: w.float() for file in folder.glob("*.safetensors") for name, w in load_file(file).items()}
    answers = []
    for ids in json.load(sys.stdin):
        best = next_token_logits(ids, weights, config).log_softmax(-1).topk(5)
        answers.append(dict(zip(map(str, best.indices.tolist()), best.values.tolist(), strict=True)))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
