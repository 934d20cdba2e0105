"""What a run leaves in Prefect's UI: its verdict with what has changed, its tables, and where its report is."""

from __future__ import annotations

from prefect.artifacts import create_link_artifact, create_markdown_artifact

from storage.run_folder import RunFolder
from tasks.report.changes import Figures, change_rows, figures_of, verdict
from tasks.report.policy_table import reinforcement_rows
from tasks.report.tables import fidelity_rows, markdown_table


def publish_artifacts(folder: RunFolder, before: Figures) -> None:
    """Publish the artifacts of a finished run, inside its flow.

    Parameters
    ----------
    folder
        The run folder.
    before
        Figures of the run before it (`figures_of`, taken before this run began).
    """
    name, after = folder.root.name, figures_of(folder)
    page = folder.path("report/index.html").resolve()
    changes = f"{verdict(before, after)}\n\n{markdown_table(change_rows(before, after))}\nReport: `{page}`\n"
    create_markdown_artifact(key=artifact_key(name, "verdict"), markdown=changes, description=f"Verdict on {name}")
    for what, rows in (("fidelity", fidelity_rows(folder)), ("reinforcement", reinforcement_rows(folder))):
        table = markdown_table(rows)
        create_markdown_artifact(key=artifact_key(name, what), markdown=table, description=f"{what} of {name}")
    create_link_artifact(
        page.as_uri(), link_text=str(page), key=artifact_key(name, "report"), description=f"Report of {name}"
    )


def artifact_key(run: str, what: str) -> str:
    """Key of an artifact, of small letters, digits and hyphens."""
    return "".join(letter if letter.isalnum() else "-" for letter in f"{run}-{what}".lower())
