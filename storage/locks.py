"""One run at a time per run folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from storage.errors import RecaudienceError
from storage.run_folder import RunFolder


@contextmanager
def exclusive(folder: RunFolder) -> Iterator[None]:
    """Hold the run folder's lock; the operating system frees it when the process ends, however it ends.

    Raises
    ------
    RecaudienceError
        Where another process holds it.
    """
    folder.root.mkdir(parents=True, exist_ok=True)
    with folder.path(".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise RecaudienceError(
                f"{folder.root}: another run (process {file.read().strip() or 'unknown'}) is working on this folder. "
                "Wait for it to end, or stop it."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
