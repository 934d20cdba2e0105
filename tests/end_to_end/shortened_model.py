"""The embedded model with its first layers only: a real one, quick to load and ask, where its words do not matter."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml
from safetensors.torch import load_file, save_file

from storage.settings.llm_profiles import PROFILE_FOLDER, load_llm_profile

LAYERS = 2
COMPACT = '{"backend": "xgrammar", "disable_any_whitespace": true}'  # else most of what so short a model says is blanks


def shortened_profile(folder: Path, **changes: object) -> Path:
    """Write the model into `folder` and give the path of its profile: the embedded one's, with `changes`."""
    source = load_llm_profile("embedded").model_folder
    assert source is not None
    target = folder / "short"
    target.mkdir(parents=True)
    for name in ("chat_template.jinja", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, target / name)
    config = json.loads((source / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | {"num_hidden_layers": LAYERS}))
    kept = {
        name: weights
        for name, weights in load_file(source / "model.safetensors").items()
        if ".layers." not in name or int(name.split(".layers.")[1].split(".")[0]) < LAYERS
    }
    save_file(kept, target / "model.safetensors", {"format": "pt"})
    settings = yaml.safe_load((PROFILE_FOLDER / "embedded.yaml").read_text())
    settings |= {"name": "short", "model": str(target), "served_name": "short", "dtype": "float32"}
    cache = [word for word in settings["server_arguments"] if not word.startswith("--kv-cache-memory-bytes")]
    settings["server_arguments"] = [
        *cache,
        "--kv-cache-memory-bytes=268435456",
        f"--structured-outputs-config={COMPACT}",
    ]
    profile = folder / "short.yaml"
    profile.write_text(yaml.safe_dump(settings | changes))
    return profile
