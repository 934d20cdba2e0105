"""Language-model profiles (deployments/llm/*.yaml): which model, how it is served, how it is asked."""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from storage.errors import SettingsError

REPOSITORY = Path(__file__).resolve().parents[2]
PROFILE_FOLDER = REPOSITORY / "deployments" / "llm"
DEFAULT_LLM = "embedded"

Address = Annotated[str, Field(pattern=r"^https?://")]


class Sampling(BaseModel):
    """How an answer is drawn; part of the completion cache's key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(default=0.7, ge=0, le=2, description="0 takes the likeliest token each time")
    top_p: float = Field(default=0.9, gt=0, le=1, description="smallest set of tokens with this total probability")
    repetition_penalty: float | None = Field(
        default=None, gt=0, le=2, description="over 1 discourages repeats (vLLM only); null is not sent"
    )
    frequency_penalty: float | None = Field(
        default=None, ge=-2, le=2, description="over 0 discourages repeats within the answer; null is not sent"
    )
    max_tokens: int = Field(default=256, ge=1, description="longest answer, in tokens")
    seed: int | None = Field(default=0, ge=0, description="seed sent with every request; null sends none")
    stop_token_ids: tuple[int, ...] | None = Field(
        default=None, description="tokens that end an answer (vLLM only); null leaves them to the model's own settings"
    )


class LLMProfile(BaseModel):
    """A language model, the way to serve it and the way to ask it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="the profile's name, also that of its file")
    description: str = Field(default="", description="one line for people")
    model: str = Field(min_length=1, description="name on a model hub, or a folder relative to the repository (./...)")
    served_name: str = Field(min_length=1, description="name that requests carry")
    revision: str | None = Field(
        default=None, description="the model's revision; of a converted folder read from the JSON beside it"
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(default="auto", description="type of the weights")
    context_length: int = Field(default=4096, ge=256, description="longest prompt with its answer, in tokens")
    concurrency: int = Field(default=32, ge=1, description="requests in flight, here and in the server")
    device: Literal["cpu", "cuda", "remote"] = Field(
        description="cpu: runs anywhere; cuda: needs an NVIDIA GPU; remote: somebody else's server"
    )
    memory_gib: float | None = Field(
        default=None, gt=0, description="memory it needs on its device, in GiB; for people"
    )
    base_url: Address | Annotated[tuple[Address, ...], Field(min_length=1)] | None = Field(
        default=None, description="address of a remote server, with /v1; several where equal ones share the work"
    )
    api_key_env: str | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="environment variable that holds a remote key"
    )
    chat_template: str | None = Field(
        default=None,
        description="file of a Jinja chat template, relative to the repository; null takes the model's own",
    )
    server_arguments: tuple[str, ...] = Field(default=(), description="further arguments of `vllm serve`")
    sampling: Sampling = Field(default=Sampling(), description="how answers are drawn")
    prompt_style: Literal["few_shot", "reasoning"] = Field(
        description="few_shot: worked examples, for small models; reasoning: the paper's chain of thought"
    )

    @model_validator(mode="after")
    def _address_belongs_to_remote(self) -> Self:
        if (self.device == "remote") != (self.base_url is not None):
            raise ValueError("base_url must be given for device remote, and for it only")
        if self.device == "remote" and (self.server_arguments or self.chat_template):
            raise ValueError("server_arguments and chat_template have no effect on a remote server")
        return self

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Addresses of the remote servers, without a slash at the end; none where the server is local."""
        addresses = (self.base_url,) if isinstance(self.base_url, str) else self.base_url or ()
        return tuple(address.rstrip("/") for address in addresses)

    @property
    def model_folder(self) -> Path | None:
        """Absolute path of the model where it is a folder of this machine, else None."""
        if not self.model.startswith((".", "/", "~")):
            return None
        return (REPOSITORY / Path(self.model).expanduser()).resolve()

    @property
    def chat_template_file(self) -> Path | None:
        """Absolute path of the chat template, where the profile brings one."""
        return None if self.chat_template is None else (REPOSITORY / Path(self.chat_template).expanduser()).resolve()

    @property
    def answering_revision(self) -> str | None:
        """The model's revision and that of a chat template of the profile's own: both change answers."""
        if self.chat_template_file is None:
            return self.revision
        template = hashlib.sha256(self.chat_template_file.read_bytes()).hexdigest()
        return f"{self.revision or ''}+template-{template[:12]}"


def list_llm_profiles() -> list[str]:
    """Names of the profiles in deployments/llm, sorted."""
    return sorted(path.stem for path in PROFILE_FOLDER.glob("*.yaml"))


def load_llm_profile(name_or_path: str) -> LLMProfile:
    """Profile by its name in deployments/llm, or by the path of any YAML file.

    Raises
    ------
    SettingsError
        Where there is no such profile, or it is not valid.
    """
    path = PROFILE_FOLDER / f"{name_or_path}.yaml"
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path).expanduser()
        if not path.is_file():
            raise SettingsError(f"{path}: no such file. Give the path of a profile, or one of {_known()}.")
    elif name_or_path not in list_llm_profiles():
        near = difflib.get_close_matches(name_or_path, list_llm_profiles(), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(
            f"no language-model profile {name_or_path!r}.{hint} Known: {_known()}, or the path of a file."
        )
    try:
        profile = LLMProfile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        lines = [f"{path}: field '{'.'.join(map(str, e['loc'])) or 'profile'}': {e['msg']}" for e in error.errors()]
        raise SettingsError("\n".join(lines)) from error
    if profile.chat_template_file is not None and not profile.chat_template_file.is_file():
        raise SettingsError(f"{path}: field 'chat_template': {profile.chat_template_file}: no such file")
    return profile if profile.revision else profile.model_copy(update={"revision": _converted_revision(profile)})


def _known() -> str:
    return ", ".join(list_llm_profiles())


def _converted_revision(profile: LLMProfile) -> str | None:
    """Revision that a script of deployments/llm (prepare_*.py) wrote beside the model folder, where it did."""
    folder = profile.model_folder
    if folder is None:
        return None
    note = folder.with_name(folder.name + ".json")
    return json.loads(note.read_text(encoding="utf-8"))["revision"] if note.is_file() else None
