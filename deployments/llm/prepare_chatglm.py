"""Make a published ChatGLM2 or ChatGLM3 servable by today's vLLM: run with the server environment's own Python.

    .venv-llm/bin/python deployments/llm/prepare_chatglm.py chatglm3-6b FOLDER

FOLDER holds what was published: config.json, tokenizer.model and the weights. The prepared folder, which the profile of
that name serves (<environment>/share/recaudience/chatglm3-6b, or the folder of that name in --into), gets

- config.json without the references to the model's own code, which is never executed;
- a fast tokenizer with a chat template (chatglm_tokenizer.py), compared with sentencepiece before it is written;
- generation_config.json with the tokens that end an answer;
- the weights: safetensors files are linked, older .bin files converted, one at a time.

The JSON beside it names the source and, as the model's revision, the SHA-256 of all that was read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from chatglm_tokenizer import STOP_TOKENS, fast_tokenizer

WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
_CODE_OF_THE_MODEL = ("auto_map", "_name_or_path", "transformers_version")
logger = logging.getLogger("prepare_chatglm")


def prepare(source: Path, target: Path) -> None:
    """Prepare the published model in `source` as the folder `target`, whose name opens with the family.

    Raises
    ------
    SystemExit
        Where a file is missing or is not of a ChatGLM that vLLM serves; nothing is left behind.
    """
    family = target.name.partition("-")[0]
    if family not in STOP_TOKENS:
        raise SystemExit(
            f"{target.name}: expected chatglm2-... or chatglm3-.... vLLM never implemented the first ChatGLM."
        )
    config, weights = servable_config(source / "config.json"), weight_files(source)
    revision = digest([source / "config.json", source / "tokenizer.model", *weights])
    target.parent.mkdir(parents=True, exist_ok=True)
    note = target.with_name(target.name + ".json")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as holder:
        fresh = Path(holder) / target.name
        fresh.mkdir()
        try:
            tokenizer = fast_tokenizer(source / "tokenizer.model", family, config["seq_length"])
        except ValueError as error:
            raise SystemExit(f"{source / 'tokenizer.model'}: {error}") from error
        if len(tokenizer) > config["padded_vocab_size"]:
            raise SystemExit(f"{source}: {len(tokenizer)} tokens, but weights for {config['padded_vocab_size']} only.")
        tokenizer.save_pretrained(fresh)
        stops = tokenizer.convert_tokens_to_ids(list(STOP_TOKENS[family]))
        write_json(fresh / "config.json", config)
        write_json(fresh / "generation_config.json", {"eos_token_id": stops, "pad_token_id": tokenizer.pad_token_id})
        copy_weights(weights, fresh)
        fresh_note = Path(holder) / note.name
        write_json(fresh_note, {"model": target.name, "source": str(source), "revision": revision})
        note.unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        fresh.replace(target)
        fresh_note.replace(note)  # last: a folder without its note counts as unfinished
    logger.info("%s is ready in %s", target.name, target)


def servable_config(path: Path) -> dict[str, object]:
    """Return the published configuration as vLLM reads it without the model's code."""
    if not path.is_file():
        raise SystemExit(f"{path}: no such file. Give the folder of the published model.")
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get("model_type") != "chatglm" or "padded_vocab_size" not in config:
        raise SystemExit(f"{path}: not of ChatGLM2 or ChatGLM3 (vLLM never implemented the first ChatGLM).")
    if config.get("quantization_bit"):
        raise SystemExit(f"{path}: a quantised edition, which vLLM does not read. Take the one in half precision.")
    config = {key: value for key, value in config.items() if key not in _CODE_OF_THE_MODEL}
    return {"original_rope": True, **config, "architectures": ["ChatGLMModel"], "eos_token_id": 2, "pad_token_id": 0}


def weight_files(source: Path) -> list[Path]:
    """Return the published weights, as safetensors where there are any."""
    for pattern in WEIGHTS:
        if files := sorted(source.glob(pattern)):
            return files
    raise SystemExit(f"{source}: no weights ({' or '.join(WEIGHTS)}).")


def copy_weights(files: list[Path], folder: Path) -> None:
    """Put weights into `folder` as safetensors: linked where they are, else converted."""
    for file in files:
        if file.suffix == ".safetensors":
            (folder / file.name).symlink_to(file.resolve())
            continue
        import torch
        from safetensors.torch import save_file

        logger.info("converting %s ...", file.name)
        tensors = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        name = file.with_suffix(".safetensors").name.replace("pytorch_model", "model")
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / name, {"format": "pt"})


def digest(files: list[Path]) -> str:
    """SHA-256 over names and contents of files."""
    total = hashlib.sha256()
    for path in files:
        if not path.is_file():
            raise SystemExit(f"{path}: no such file. Give the folder of the published model.")
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def write_json(path: Path, content: dict[str, object]) -> None:
    """Write a JSON file."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Prepare the model that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    parser = argparse.ArgumentParser(description="Make a published ChatGLM servable by vLLM.")
    parser.add_argument("name", help="chatglm3-6b or chatglm2-6b: the profile that serves it")
    parser.add_argument("source", type=Path, help="folder of the published model")
    parser.add_argument(
        "--into", type=Path, default=Path(sys.prefix) / "share" / "recaudience", help="where to make it"
    )
    arguments = parser.parse_args()
    prepare(arguments.source.expanduser().resolve(), arguments.into / arguments.name)


if __name__ == "__main__":
    main()
