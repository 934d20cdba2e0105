"""The README's Python example, with numbers that a test has time for."""

from __future__ import annotations

import re

from tests.support.wheels import REPOSITORY

_SHORTER = {
    "n_envs=64": "n_envs=2",
    '("MultiInputPolicy", venv)': '("MultiInputPolicy", venv, n_steps=16, batch_size=16)',
    "30_000": "64",
    "episodes=300": "episodes=4",
}


def readme_example() -> str:
    """The example; it wants `data/sample` in the working folder."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    for long, short in _SHORTER.items():
        assert long in example, f"the README's example has no {long!r}"
        example = example.replace(long, short)
    return example
