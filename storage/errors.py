"""The few errors recaudience raises on purpose; their messages say what was found, what was expected and what to do."""

from __future__ import annotations

from pathlib import Path


class RecaudienceError(Exception):
    """Base of every error that the command line shows as a message instead of a traceback."""


class DataError(RecaudienceError):
    """Input data cannot be used.

    Parameters
    ----------
    problem
        What was found and what was expected.
    remedy
        What the user can do about it.
    file, row, field
        Where: the file, the 1-based line or row in it, the column.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        file: Path | str | None = None,
        row: int | None = None,
        field: str | None = None,
    ) -> None:
        self.problem, self.remedy, self.file, self.row, self.field = problem, remedy, file, row, field
        place = [str(file)] if file is not None else []
        place += [f"row {row}"] if row is not None else []
        place += [f"field '{field}'"] if field is not None else []
        where = ", ".join(place)
        super().__init__(_one_line(f"{where + ': ' if where else ''}{problem}. {remedy}"))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_data_error, (self.problem, self.remedy, self.file, self.row, self.field)


def _one_line(message: str) -> str:
    """Found values may hold anything: what cannot be printed is escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in message)


def _rebuild_data_error(
    problem: str, remedy: str, file: Path | str | None, row: int | None, field: str | None
) -> DataError:
    return DataError(problem, remedy=remedy, file=file, row=row, field=field)


class SettingsError(RecaudienceError):
    """A profile, setting or command-line value is unknown or out of range."""


class DownloadError(RecaudienceError):
    """A dataset's file cannot be fetched from its publisher."""


class ServerError(RecaudienceError):
    """The language-model server cannot be started, reached or used."""


class ServerLostError(ServerError):
    """The language-model server was there and is not any more: it may be again."""


class AnnotationError(RecaudienceError):
    """Too many prompts stayed without a usable answer."""
