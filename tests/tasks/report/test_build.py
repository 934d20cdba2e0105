"""The report is one page that shows what was run, says what was not, and runs nothing that data brought along."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from models.fidelity.card import Comparison
from models.metrics.intervals import Estimate
from storage.errors import DataError
from storage.files import content_hash, publish_json
from storage.run_folder import RunFolder
from tasks.report.build import ReportSettings, report
from tasks.report.wording import comparison_sentence, judgement_sentence
from tests.support.report_runs import ATTACK, MODELS, POLICIES, fidelity, finished_run, reinforcement

PARTS = (
    "ingest",
    "annotation",
    "the fidelity evaluation",
    "the training of SASRec",
    "reinforcement learning",
    "the case study",
    "the record of versions",
)


class _Elements(HTMLParser):
    """All elements of a page with their attributes, and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._hidden = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th", "li"}:
            self.words.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def rendered(folder: RunFolder, *notes: str) -> str:
    report.function(folder, ReportSettings(notes=notes))
    return folder.path("report/index.html").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return finished_run(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run with all parts and its page; not to be changed."""
    folder = finished_run(tmp_path_factory.mktemp("whole"))
    rendered(folder, ATTACK, "The 6B model was not run.")
    return folder


@pytest.fixture(scope="module")
def html(whole: RunFolder) -> str:
    return whole.path("report/index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> _Elements:
    return _Elements(html)


def test_everything_that_was_run_is_on_the_page(page: _Elements) -> None:
    titles = {attributes.get("title") for tag, attributes in page.elements if tag == "th"}
    assert titles >= {*MODELS, *POLICIES}
    for words in (
        "10,009 rows were read",
        "SmallModel was asked 4 times",
        "1 answer (25.0 %) stayed unusable",
        "1,234 test reactions",
        "reward is the mean undiscounted return",
        "PPO, by the simulated users alone: better than the item mean (+1.00 a session",
        "knows the truth and is out of competition",
        "trained for 2,000 environment steps with 2 seeds",
        "revision r7",
        "25.0 % of the items have no keyword",
        "Three pros and three cons",
    ):
        assert words in page.text
    assert "Categories agree" not in page.text  # fewer than twenty items tell nothing
    assert "Not run" not in page.text


def test_the_leading_models_are_compared_with_bias_whichever_wins(page: _Elements) -> None:
    assert "Ensemble predicts worse than the user+item bias model: AUC difference −0.030" in page.text
    assert "These test pairs cannot tell SASRec from the user+item bias model" in page.text


@pytest.mark.parametrize(("low", "high", "verdict"), [(0.01, 0.03, "better"), (-0.03, -0.01, "worse")])
def test_a_difference_counts_when_its_interval_leaves_zero_out(low: float, high: float, verdict: str) -> None:
    comparison = Comparison(
        model="sasrec",
        against="bias",
        auc_difference=(low + high) / 2,
        ci95=(low, high),
        log_loss_difference=0.0,
        log_loss_ci95=(-0.1, 0.1),
    )
    assert comparison_sentence(comparison).startswith(f"SASRec predicts {verdict} than the user+item bias model: ")


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((0.1, 0.3), "better than"), ((-0.3, -0.1), "worse than"), ((-0.1, 0.1), "not to be told from")],
)
def test_a_policy_is_said_to_be_better_only_where_its_judge_says_so(
    interval: tuple[float, float], verdict: str
) -> None:
    scores = reinforcement("truth").policies["ppo"]
    assert scores.judgement is not None
    judged = scores.judgement.model_copy(
        update={"over_item_mean": Estimate(mean=sum(interval) / 2, ci95=interval), "over_untrained": None}
    )
    sentence = judgement_sentence("ppo", scores.model_copy(update={"judgement": judged}), "truth")
    assert sentence is not None
    assert sentence.startswith(f"PPO, by the truth: {verdict} the item mean (")


def test_what_the_simulator_praises_and_the_judge_does_not_is_marked_and_said(folder: RunFolder) -> None:
    contradicted = reinforcement("held_out_ratings", praise="contradicted")
    publish_json(folder.path("report/reinforcement.json"), contradicted.model_dump(mode="json", exclude_none=True))
    text = _Elements(rendered(folder)).text
    assert "PPO, by held-out ratings: " in text
    assert "The simulator praises it; the judge contradicts." in text
    assert "+1.000 ‡" in text
    assert "agrees with that of held-out ratings by Spearman's 0.50 (95 % interval 0.00 to 1.00)" in text.replace(
        "\N{NO-BREAK SPACE}", " "
    )


def test_without_judge_the_page_says_that_only_simulated_users_judge(page: _Elements) -> None:
    assert "Nothing but the simulated users judges here" in page.text


def test_text_from_data_is_shown_and_never_executed(html: str, page: _Elements) -> None:
    assert "<script" not in html
    assert page.text.count(ATTACK) >= 5, "item name, evidence, skipped row, user name and note are all shown"
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_the_page_needs_nothing_from_elsewhere(html: str, page: _Elements) -> None:
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "embed", "img", "base"}
    assert not any("src" in attributes for _, attributes in page.elements)
    assert not re.search(r"url\((?!#)|@import", html)
    targets = {attributes["href"] for tag, attributes in page.elements if tag == "a"}
    ids = {f"#{attributes['id']}" for _, attributes in page.elements if "id" in attributes}
    beside = {"card.html"}  # the fidelity card, a page of the same folder
    assert targets - ids == {"https://arxiv.org/abs/2412.16984"} | beside


def test_every_reference_within_a_figure_has_its_one_target(page: _Elements) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {attributes["xlink:href"] for _, attributes in page.elements if "xlink:href" in attributes}
    assert used
    assert used <= {f"#{name}" for name in ids}


def test_figures_are_files_of_their_own_with_real_colours(whole: RunFolder) -> None:
    files = sorted(whole.path("report/figures").iterdir())
    assert [file.stem for file in files] == ["auc", "learning", "reliability", "rewards", "training"]
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert "var(" not in text


def test_figures_on_the_page_take_the_readers_colours(html: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(figures) == 5
    assert all("var(--ink)" in figure for figure in figures)
    colours = {colour for figure in figures for colour in re.findall(r"#[0-9a-f]{6}\b", figure)}
    assert not colours, f"fixed colours would vanish on a dark page: {colours}"


def test_a_part_that_was_not_run_is_said_to_be_missing(folder: RunFolder) -> None:
    folder.path("report/reinforcement.json").unlink()
    summary = report.function(folder, ReportSettings())
    text = _Elements(folder.path("report/index.html").read_text(encoding="utf-8")).text
    assert summary == {"figures": 3, "missing": ["reinforcement"]}
    assert "Not run: reinforcement learning" in text
    assert "1,234 test reactions" in text


def test_a_run_of_nothing_is_a_page_of_gaps(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "bare@time")
    text = _Elements(rendered(folder)).text
    for words in PARTS:
        assert f"Not run: {words}" in text
    assert "recaudience bare Simulated users" in text
    assert "Split time" in text


def test_real_data_has_no_section_on_truth(folder: RunFolder) -> None:
    card = fidelity()
    models = card["models"]
    assert isinstance(models, dict)
    del models["best_possible"]
    publish_json(folder.path("report/fidelity.json"), {**card, "truth": None})
    html = rendered(folder)
    assert 'id="truth"' not in html
    assert "knows the truth" not in html


def test_the_truth_says_how_much_of_the_way_a_model_goes(page: _Elements) -> None:
    assert "it reaches an AUC of 0.800" in page.text
    assert "ensemble 0.740 80.0 % 0.123 0.500" in page.text


def test_notes_stand_among_the_limits(page: _Elements) -> None:
    limits = page.text.rpartition("Limits ")[2].partition("Provenance")[0]
    assert limits.endswith(
        "The 6B model was not run. 25.0 % of the items have no keyword; "
        "keyword matching and similarity know nothing of them. "
    )


def test_equal_artefacts_give_equal_bytes(whole: RunFolder, folder: RunFolder) -> None:
    rendered(folder, ATTACK, "The 6B model was not run.")
    for name in report.writes:
        assert content_hash(folder.path(name)) == content_hash(whole.path(name))


def test_a_broken_artefact_leaves_the_earlier_page_alone(folder: RunFolder) -> None:
    page = folder.path("report/index.html")
    page.write_text("the earlier page", encoding="utf-8")
    folder.path("report/reinforcement.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"reinforcement\.json"):
        report.function(folder, ReportSettings())
    assert page.read_text(encoding="utf-8") == "the earlier page"
