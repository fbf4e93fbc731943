"""From a folder to the Hub: written on this machine, and sent only where a repository is named and a token is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # it is, lazily

from mamebert.errors import UserError
from mamebert.publishing.hub_folder import HubFolder, write_hub_folder
from mamebert.publishing.space_folder import write_space_folder

Kind = Literal["model", "space"]


@dataclass(frozen=True)
class Pushed:
    """What was made, and where it was sent."""

    made: HubFolder
    url: str
    """Of the repository; "" where nothing was sent."""


def push(
    model: Path,
    out: Path,
    repo: str = "",
    *,
    kind: Kind = "model",
    licence: str = "",
    is_private: bool = True,
    api: Any = None,
) -> Pushed:
    """Write the folder of a model, or of a Space with it, and send it to `repo` where there is a token (or an `api`).

    A name that the Hub does not take, and what keeps it from being sent, are a UserError; the folder stays.
    """
    if repo:
        _require_name(repo)
    write = write_space_folder if kind == "space" else write_hub_folder
    made = write(model, out, repo, licence)
    api = api or (HfApi() if repo and get_token() else None)
    return Pushed(made, _sent(api, made.folder, repo, kind, is_private) if api and repo else "")


def _sent(api: Any, folder: Path, repo: str, kind: Kind, is_private: bool) -> str:
    more: Mapping[str, Any] = {"space_sdk": "docker"} if kind == "space" else {}
    try:
        url = str(api.create_repo(repo, repo_type=kind, private=is_private, exist_ok=True, **more))
        api.upload_folder(repo_id=repo, repo_type=kind, folder_path=str(folder), commit_message="mamebert push")
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        why = str(error).strip().partition("\n")[0][:200].rstrip(".")
        raise UserError(
            f"{folder} was written, and not sent to {repo} ({type(error).__name__}: {why}). Mend that and give the "
            "same command again."
        ) from error
    return url


def _require_name(repo: str) -> None:
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UserError(
            f"{repo[:100]!r} is no name of a repository. Give OWNER/NAME, of letters, digits, - and _."
        ) from error
