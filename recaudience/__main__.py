"""The command line: `recaudience`, and `python -m recaudience`."""

from __future__ import annotations

from flows.commands.command_line import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
