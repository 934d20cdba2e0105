"""Step `card`: the whole fidelity card as one page, each table with a sentence on how to read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, TypeAdapter

from storage.checkpoints import load_json
from storage.files import publish
from storage.run_folder import RunFolder
from tasks.evaluation.ablation import AblationResult
from tasks.evaluation.behaviour import Behaviour
from tasks.evaluation.data_size import DataSizes
from tasks.evaluation.fidelity import Fidelity
from tasks.report import figures
from tasks.report.card_tables import Section, card_tables
from tasks.report.page import template_environment
from tasks.report.tables import Rows
from tasks.step import Summary, step


@dataclass(frozen=True)
class _Reading:
    """How a table of the card is read.

    Parameters
    ----------
    short
        Its name among the links.
    reading
        What it says, for people.
    figure, caption
        The figure beside it, if there is one.
    numbers_from
        First column of figures.
    """

    short: str
    reading: str
    figure: str = ""
    caption: str = ""
    numbers_from: int = 1


@dataclass(frozen=True)
class _Section(_Reading):
    """A part of the page: a title, and rows with their header first."""

    title: str = ""
    rows: Rows = field(default_factory=list)


_READINGS: dict[Section, _Reading] = {
    "responses": _Reading(
        "Responses",
        "Each model predicts the test reactions. AUC: the chance that a liked pair is ranked above a "
        "disliked one; ECE: how far predicted probabilities lie from shares of likes.",
        figure="reliability",
        caption="Share of likes by predicted probability; on the diagonal a model is calibrated.",
    ),
    "comparisons": _Reading(
        "Better than",
        "Differences between two models on the same pairs: better is a higher AUC, with an interval above zero, and a "
        "lower log loss, with an interval below it.",
        numbers_from=2,
    ),
    "parts": _Reading(
        "Parts",
        "The same reactions, parted by what was known of user and item beforehand: cold ones have the "
        "fewest train interactions.",
    ),
    "unseen": _Reading(
        "Liked or unseen",
        "Each liked test item among so many items that the user never rated: what a model takes for a like "
        "that is none.",
        numbers_from=2,
    ),
    "choice": _Reading(
        "Choice",
        "Whether the item that a model ranks first in a user's test list is one that the user liked.",
    ),
    "like_rates": _Reading(
        "Like rates",
        "Like rates by user, item and category: how far the simulated distribution lies from the real one. "
        "KS and Jensen-Shannon are 0 for equal distributions.",
        numbers_from=2,
    ),
    "popularity": _Reading(
        "Popularity",
        "Whether popular items are liked more by simulated users than by real ones, and unpopular ones less.",
        figure="popularity",
        caption="Share of likes by popularity of the item, real and simulated.",
        numbers_from=0,
    ),
    "sessions": _Reading(
        "Sessions",
        "Users' last interactions in their order: real reactions against those of the simulated user who is"
        " shown the same items.",
    ),
    "recommenders": _Reading(
        "Recommenders",
        "Thirteen recommenders of very different quality, ordered by the real reactions and by a "
        "simulator's. Tau is 1 for the same order; two halves of the real users agree with each other as "
        "the last column says. Pairs told apart are those of recommenders whose difference real users "
        "show beyond chance; the weighted AUC lets users count by their pairs of a like and a dislike. The independent "
        "tau leaves out all recommenders that are kin of the ensemble's own parts, and noisy copies.",
        numbers_from=2,
    ),
    "families": _Reading(
        "Families",
        "The ensemble orders the recommenders again without those that are kin of its parts (EASE, factorisations, "
        "SASRec), without noisy copies, and without all of them: it may know its own kin too well, or too badly.",
        numbers_from=1,
    ),
    "biases": _Reading(
        "Biases",
        "Means and slopes of P(like) less the real reaction; 0 is none. The slope is over the logarithm of the item's "
        "train interactions. What was never met need not be disliked, but a simulator that says yes to all of it tells "
        "recommenders nothing.",
    ),
    "leaks": _Reading(
        "Leaks",
        "What of held-out reviews could have reached the language model; every number found must be 0. Without reviews "
        "there is nothing to find. That planted words and turned ratings reach nothing is tested beside this.",
        numbers_from=2,
    ),
    "ablation": _Reading(
        "Ablations",
        "The stack fitted anew with parts of it only, or without them. What the language model's keywords "
        "add is the loss of the stack that has none of them.",
        figure="ablation",
        caption="AUC lost by each variant of the stack, with its interval; left of the line it would be better.",
    ),
    "data_size": _Reading(
        "Data size",
        "Models fitted on a share of each user's train reactions, judged by the same test reactions. Where the "
        "truth is known, the best possible predictor stands beside them.",
        figure="sizes",
        caption="AUC by number of train interactions.",
    ),
    "peers": _Reading(
        "Peers",
        "Other kinds of simulated users and ours, judged by the same drawn test pairs. The transformer is trained on "
        "train reactions; the language model reads them in its prompt, and its probabilities are those of its tokens, "
        "uncalibrated. Of the vote and the ensemble the answers per second are those of both together.",
    ),
    "training_gain": _Reading(
        "Training gain",
        "Recommenders fitted with and without simulated reactions, to items drawn by fame, judged by how they order "
        "the real test rows of each user. Differences are paired; an interval above zero means better. Reactions drawn "
        "from item means show how much of a gain needs no simulator.",
        numbers_from=2,
    ),
}


class CardSettings(BaseModel):
    """The page has nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@step(
    version="4",
    reads=("report/fidelity.json", "report/behaviour.json", "report/ablation.json", "report/data_size.json"),
    writes=("report/card.html",),
)
def card(folder: RunFolder, _: CardSettings) -> Summary:
    """Render the page from what `evaluate` measured; all text is escaped."""
    fidelity = load_json(folder.path("report/fidelity.json"), TypeAdapter(Fidelity))
    behaviour = load_json(folder.path("report/behaviour.json"), TypeAdapter(Behaviour))
    variants = load_json(folder.path("report/ablation.json"), TypeAdapter(AblationResult)).variants
    sizes = load_json(folder.path("report/data_size.json"), TypeAdapter(DataSizes)).sizes
    svgs = {
        "popularity": figures.popularity(behaviour.distributions.popularity),
        "ablation": figures.ablation(variants),
        "sizes": figures.data_sizes(sizes),
        "reliability": figures.reliability(fidelity) if any(fidelity.reliability.values()) else None,
    }
    drawn = {name: svg for name, svg in svgs.items() if svg is not None}
    sections = [
        _Section(**vars(_READINGS[table.section]), title=table.title, rows=table.rows) for table in card_tables(folder)
    ]
    page = (
        template_environment()
        .get_template("card.html.jinja")
        .render(
            run=folder.root.name,
            sections=sections,
            figures={name: Markup(figures.themed(svg, name)) for name, svg in drawn.items()},
        )
    )
    with publish(folder.path("report/card.html")) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return {"sections": len(sections), "figures": len(drawn)}
