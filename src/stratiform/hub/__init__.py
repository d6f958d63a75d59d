"""Models that travel: saved to a folder with hashes and a card, loaded from a folder, the hub or the package."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stratiform import __version__
from stratiform.errors import Failed, UserError
from stratiform.files import write_bytes
from stratiform.hub.card import write_card
from stratiform.training.manifest import MANIFEST, verify, write_manifest
from stratiform.training.run import HEADER, Loaded, Run, load
from stratiform.training.shipped import SHIPPED, located, names

PATTERNS = ("*.json", "*.jsonl", "*.safetensors", "*.md", "*.png")  # of the files that a saved model has


def save_pretrained(run: Run | Path | str, folder: Path | str, *, seed: int = 0) -> str:
    """Writes what is needed to use a run, its card, and the hash of every file; measures what the card tells.

    Args:
        folder: absent, empty, or what an earlier save wrote.

    Returns:
        The digest of the whole, by which `from_pretrained` can pin it.
    """
    loaded, folder = load(run), Path(folder)
    if folder.exists() and not (folder / MANIFEST).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already and holds something else; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for path in (loaded.run.path / HEADER, loaded.run.weights, loaded.run.log, loaded.run.timing):
        if path.exists():
            write_bytes(folder / path.name, path.read_bytes())
    write_card(folder, seed=seed)
    return write_manifest(folder)


def from_pretrained(
    id_or_dir: Path | str, *, revision: str | None = None, local_files_only: bool = False, digest: str | None = None
) -> Loaded:
    """The model of a folder, a shipped name, or owner/name on the hub: in eval mode, every file's hash checked first.

    Args:
        revision: branch, tag or commit on the hub.
        local_files_only: ask nothing of the network.
        digest: what `save_pretrained` returned; anything else is refused.

    Raises:
        UserError: there is no such model, a file is missing or was changed, or it is not the one that was pinned.
    """
    folder = _found(id_or_dir, revision, local_files_only)
    held = verify(folder)
    if digest is not None and held != digest:
        raise UserError(f"{id_or_dir} has the digest {held}, not {digest}: it is another model, or another version")
    return load(located(Path(folder.name)) if folder.parent == SHIPPED else folder)


def push_to_hub(
    run: Run | Path | str,
    repo_id: str,
    *,
    revision: str | None = None,
    private: bool | None = None,
    token: str | None = None,
) -> str:
    """Saves as `save_pretrained` does, and uploads that to owner/name; returns the digest.

    Args:
        revision: the branch; it must be there.
        private: of a repository that is made now.
        token: by default the one that `hf auth login` keeps.
    """
    hub = _client()
    with tempfile.TemporaryDirectory(prefix="stratiform-") as folder, _plainly(repo_id):
        digest = save_pretrained(run, Path(folder))
        api = hub.HfApi(token=token, library_name="stratiform", library_version=__version__)
        api.create_repo(repo_id, private=private, exist_ok=True)
        message = f"stratiform {__version__}, digest {digest[:16]}"
        api.upload_folder(repo_id=repo_id, folder_path=folder, revision=revision, commit_message=message)
    return digest


def _found(id_or_dir: Path | str, revision: str | None, local_files_only: bool) -> Path:
    """The folder that holds the model's files."""
    path, name = Path(id_or_dir), str(id_or_dir)
    if path.exists() or name in names():
        if revision is not None:
            raise UserError(f"{name} is no model of the hub, so it has no revision {revision!r}; leave revision out")
        return path if path.exists() else SHIPPED / name
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UserError(
            f"no model {name!r}: give a folder that exists, owner/name on the hub, or {', '.join(names())}"
        )
    with _plainly(name):
        how = {"library_name": "stratiform", "library_version": __version__, "allow_patterns": PATTERNS}
        got = _client().snapshot_download(name, revision=revision, local_files_only=local_files_only, **how)
        return Path(got)


def _client() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise UserError("the hub needs huggingface_hub; type pip install 'stratiform[hub]'") from error
    return huggingface_hub


@contextmanager
def _plainly(name: str) -> Iterator[None]:
    """The client's errors in one line."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise UserError(f"there is no model {name!r} on the hub, or it is private ({_first(error)})") from error
    except errors.LocalEntryNotFoundError as error:
        raise UserError(
            f"{name} is not in the hub's cache here, and the network was not asked or not reached"
        ) from error
    except (errors.HfHubHTTPError, OSError) as error:
        raise Failed(f"the hub did not answer for {name} ({_first(error)}); try again") from error


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
