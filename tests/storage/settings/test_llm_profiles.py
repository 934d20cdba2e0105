"""Language-model profiles: the shipped ones are valid, wrong ones end in an error that says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from storage.errors import SettingsError
from storage.settings import llm_profiles
from storage.settings.llm_profiles import list_llm_profiles, load_llm_profile

REMOTE = """
name: mine
model: some/model
served_name: model
device: remote
base_url: http://127.0.0.1:9/v1
prompt_style: reasoning
"""

LOCAL = REMOTE.replace("remote", "cpu").replace("base_url: http://127.0.0.1:9/v1", "")


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", list_llm_profiles())
def test_shipped_profiles_are_valid_and_named_as_their_file(name: str) -> None:
    assert load_llm_profile(name).name == name


def test_the_default_runs_without_a_gpu_and_without_a_model_hub() -> None:
    profile = load_llm_profile("embedded")
    assert profile.device == "cpu"
    assert profile.prompt_style == "few_shot"
    assert profile.model_folder is not None


def test_the_embedded_server_never_splits_a_prompt_since_a_split_one_with_a_seed_ends_it() -> None:
    profile = load_llm_profile("embedded")
    assert profile.sampling.seed is not None
    assert "--no-enable-chunked-prefill" in profile.server_arguments


def test_a_profile_can_be_given_as_a_path(tmp_path: Path) -> None:
    assert load_llm_profile(write(tmp_path, REMOTE)).base_url == "http://127.0.0.1:9/v1"


def test_equal_servers_share_one_profile(tmp_path: Path) -> None:
    several = REMOTE.replace("http://127.0.0.1:9/v1", "[http://gpu1:8000/v1/, http://gpu2:8000/v1]")
    assert load_llm_profile(write(tmp_path, several)).base_urls == ("http://gpu1:8000/v1", "http://gpu2:8000/v1")
    assert load_llm_profile(write(tmp_path, REMOTE)).base_urls == ("http://127.0.0.1:9/v1",)
    assert load_llm_profile(write(tmp_path, LOCAL)).base_urls == ()


def test_another_chat_template_counts_as_another_revision(tmp_path: Path) -> None:
    template = tmp_path / "chat.jinja"
    revisions = set()
    for text in ("{{ messages }}", "{{ messages | length }}"):
        template.write_text(text)
        profile = load_llm_profile(write(tmp_path, f"{LOCAL}\nrevision: abc\nchat_template: {template}"))
        assert profile.chat_template_file == template
        revisions.add(profile.answering_revision)
    assert len(revisions) == 2
    assert all(revision and revision.startswith("abc+template-") for revision in revisions)
    assert load_llm_profile(write(tmp_path, LOCAL + "\nrevision: abc")).answering_revision == "abc"


@pytest.mark.parametrize("name", ["chatglm2-6b", "chatglm3-6b"])
def test_chatglm_is_served_without_executing_its_own_code(name: str) -> None:
    profile = load_llm_profile(name)
    assert profile.model_folder is not None
    assert "--trust-remote-code" not in profile.server_arguments


def test_an_unknown_name_lists_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"'embeded'.*Did you mean 'embedded'.*chatglm3-6b.*openai"):
        load_llm_profile("embeded")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml: no such file"):
        load_llm_profile(str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (REMOTE + "temperature: 0.5", r"mine\.yaml: field 'temperature'"),
        (REMOTE + "sampling: {temperature: 9}", r"mine\.yaml: field 'sampling\.temperature'"),
        (REMOTE.replace("remote", "cuda"), r"base_url must be given for device remote, and for it only"),
        (REMOTE + "server_arguments: [--x]", r"server_arguments and chat_template have no effect"),
        (REMOTE + "chat_template: some.jinja", r"server_arguments and chat_template have no effect"),
        (REMOTE.replace("http://127.0.0.1:9/v1", "[]"), r"field 'base_url\.[^']*': Tuple should have at least 1 item"),
        (REMOTE.replace("http://127.0.0.1:9/v1", "[gpu1:8000]"), r"field 'base_url\.[^']*0': String should match"),
        (LOCAL + "chat_template: ./absent.jinja", r"field 'chat_template': .*absent\.jinja: no such file"),
        (REMOTE.replace("model: some/model", ""), r"field 'model': Field required"),
        ("name: [", r"mine\.yaml: not valid YAML"),
        ("", r"mine\.yaml: field 'profile'"),
    ],
)
def test_a_wrong_value_is_reported_with_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_llm_profile(write(tmp_path, text))


def test_a_hub_model_has_no_folder(tmp_path: Path) -> None:
    assert load_llm_profile(write(tmp_path, REMOTE)).model_folder is None


def test_the_revision_of_a_converted_model_is_read_beside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llm_profiles, "REPOSITORY", tmp_path)
    (tmp_path / "small.json").write_text(json.dumps({"revision": "abc"}))
    assert load_llm_profile(write(tmp_path, REMOTE.replace("some/model", "./small"))).revision == "abc"
    assert load_llm_profile(write(tmp_path, REMOTE.replace("some/model", "./other"))).revision is None
