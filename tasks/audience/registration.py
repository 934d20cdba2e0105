"""The environment's id for Gymnasium: registered by names alone, so that `import recaudience` loads nothing heavy."""

from __future__ import annotations

import gymnasium

ENVIRONMENT_ID = "recaudience/Recommend-v0"
_MODULE = f"{__name__.rpartition('.')[0]}.environments"  # below another name in the wheel


def register() -> None:
    """Make `recaudience/Recommend-v0` known to Gymnasium; calling it again changes nothing."""
    if ENVIRONMENT_ID not in gymnasium.registry:
        gymnasium.register(
            id=ENVIRONMENT_ID,
            entry_point=f"{_MODULE}:recommend_env",
            vector_entry_point=f"{_MODULE}:recommend_vector_env",
        )
