"""A test audience for recommender systems: simulated users, made from ratings and a large language model.

All that is public stands here; it is imported from the rooms behind it when it is first asked for.
"""

from __future__ import annotations

from importlib import metadata

from recaudience.clone import check_packages

check_packages(__path__[0])

__version__ = metadata.version(__name__)

__all__ = ["__version__"]
