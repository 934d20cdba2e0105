"""A trained policy as one file that needs no recaudience: torch.export's .pt2, or ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from pydantic import JsonValue

from models.agents.export import PolicyNetwork, example_inputs
from models.simulation.settings import catalogue
from storage.errors import SettingsError
from storage.files import publish, publish_json
from tasks.policies.use import UsablePolicy, learned

ExportFormat = Literal["pt2", "onnx"]
INPUTS = ("items", "likes", "ratings", "session", "seen")


def export_policy(policy: UsablePolicy, target: Path, export_format: ExportFormat) -> Path:
    """Write the network, and beside it a JSON file that says which item each action and each input row is.

    Parameters
    ----------
    policy
        A trained one.
    target
        The file to write.
    export_format
        "pt2" for `torch.export.load`, "onnx" for ONNX runtimes (needs the packages onnx and onnxscript).

    Returns
    -------
    Path of the JSON file.

    Raises
    ------
    SettingsError
        Where the policy is a baseline, or ONNX's packages are not installed.
    """
    network = PolicyNetwork(learned(policy), policy.simulator, policy.environment).eval()
    users = torch.export.Dim("users", min=1)
    program = torch.export.export(network, example_inputs(network), dynamic_shapes=tuple({0: users} for _ in INPUTS))
    target.parent.mkdir(parents=True, exist_ok=True)
    with publish(target) as path:
        if export_format == "pt2":
            torch.export.save(program, path)
        else:
            _save_onnx(program, path)
    ids = policy.items["source_id"].to_list()
    about: dict[str, JsonValue] = {
        "policy": policy.name,
        "inputs": list(INPUTS),
        "history": network.width,
        "items": [*ids],
        "actions": [ids[item] for item in catalogue(policy.simulator, policy.environment.catalogue_size)],
    }
    beside = target.with_suffix(".json")
    publish_json(beside, about)
    return beside


def _save_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    try:
        import onnxscript  # noqa: F401  # type: ignore[import-not-found]  # an optional package
    except ImportError as error:
        raise SettingsError("the format onnx needs two packages: pip install onnx onnxscript") from error
    exported = torch.onnx.export(program, input_names=list(INPUTS), output_names=["scores"], dynamo=True)
    assert exported is not None
    exported.save(path)
