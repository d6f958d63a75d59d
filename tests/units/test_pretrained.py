"""Models that travel: bit-equal after the way, refused where a byte was changed, each with a card that is true."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import stratiform
from stratiform import hub
from stratiform.errors import UserError
from stratiform.evaluation.bound import bounds
from stratiform.hub import card, from_pretrained, push_to_hub, save_pretrained
from stratiform.hub.page import page
from stratiform.hub.recomputed import verified
from stratiform.models import MODELS
from stratiform.models.parts import Network
from stratiform.recipes import RECIPES
from stratiform.spec import ImageSpec
from stratiform.training import shipped
from stratiform.training.manifest import verify
from stratiform.training.recipe import Recipe
from tiny import tiny, untrained

QUICK = {"images": 12, "samples": 3, "draws": 20, "probed": 40}


@pytest.fixture(scope="module", autouse=True)
def quick() -> None:
    """Cards of few images."""
    card.SETTINGS.update(QUICK)


@pytest.fixture(scope="module")
def run(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained(tmp_path_factory.mktemp("runs") / "tiny", tiny())


@pytest.fixture(scope="module")
def saved(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read it, do not change it: `copied` is for that."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    save_pretrained(run, folder)
    return folder


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copied"))


CODES = """
import sys, torch, stratiform
from stratiform.evaluation.bound import bounds
torch.set_num_threads(1)
model = stratiform.from_pretrained(sys.argv[1]).model
x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)).mul(16).round() / 16
codes = [latent.z for latent in model.encode(x)]
torch.save([*codes, bounds(model, x, 5).bound], sys.argv[2])
"""


def test_a_fresh_process_gets_the_same_codes_and_bounds_to_the_bit(run: Path, saved: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", CODES, saved, tmp_path / "found.pt"], check=True, env=environment)
    model = stratiform.load(run).model
    x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0)).mul(16).round() / 16
    expected = [*(latent.z for latent in model.encode(x)), bounds(model, x, 5).bound]
    found = torch.load(tmp_path / "found.pt")
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", ["weights.safetensors", "recipe.json", "README.md", "card.json", "samples.png"])
def test_a_tampered_file_is_refused(copied: Path, name: str) -> None:
    content = bytearray((copied / name).read_bytes())
    content[-2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name} is not the file that was saved: its hash differs"):
        from_pretrained(copied)


def test_a_missing_file_and_a_missing_list_are_refused(copied: Path, run: Path) -> None:
    (copied / "weights.safetensors").unlink()
    with pytest.raises(UserError, match=r"lacks weights\.safetensors"):
        from_pretrained(copied)
    with pytest.raises(UserError, match=r"has no manifest\.json, so its files cannot be checked"):
        from_pretrained(run)


def test_a_list_that_leads_elsewhere_is_refused(copied: Path) -> None:
    held = json.loads((copied / "manifest.json").read_text())
    held["sha256"]["../tiny"] = "0"
    (copied / "manifest.json").write_text(json.dumps(held))
    with pytest.raises(UserError, match=r"manifest\.json cannot be read"):
        from_pretrained(copied)


def test_a_model_can_be_pinned(copied: Path) -> None:
    digest = verify(copied)
    assert from_pretrained(copied, digest=digest).recipe.name == "tiny"
    with pytest.raises(UserError, match="has the digest"):
        from_pretrained(copied, digest="0" * 64)


def test_a_folder_of_something_else_is_not_written_over(run: Path, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(UserError, match="holds something else"):
        save_pretrained(run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_saving_twice_gives_the_same_digest(run: Path, copied: Path) -> None:
    before = verify(copied)
    assert save_pretrained(run, copied) == before


@pytest.fixture
def fake_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub in a folder, in place of the client."""
    store = tmp_path / "hub"

    class Api:
        def __init__(self, **how: object) -> None:
            pass

        def create_repo(self, repo_id: str, **how: object) -> None:
            (store / repo_id).mkdir(parents=True, exist_ok=True)

        def upload_folder(self, *, repo_id: str, folder_path: str, **how: object) -> None:
            shutil.copytree(folder_path, store / repo_id, dirs_exist_ok=True)

    def snapshot_download(repo_id: str, *, local_files_only: bool, **how: object) -> str:
        from huggingface_hub.errors import LocalEntryNotFoundError

        if local_files_only and not (store / repo_id).exists():
            raise LocalEntryNotFoundError("not here")
        return str(store / repo_id)

    monkeypatch.setattr(hub, "_client", lambda: SimpleNamespace(HfApi=Api, snapshot_download=snapshot_download))
    return store


def test_what_is_pushed_can_be_fetched(fake_hub: Path, run: Path) -> None:
    digest = push_to_hub(run, "somebody/tiny")
    loaded = from_pretrained("somebody/tiny", revision="main", digest=digest)
    assert not loaded.model.training
    for name, weight in stratiform.load(run).model.state_dict().items():
        assert torch.equal(weight, loaded.model.state_dict()[name])
    with (fake_hub / "somebody" / "tiny" / "weights.safetensors").open("ab") as file:
        file.write(b" ")
    with pytest.raises(UserError, match="its hash differs"):
        from_pretrained("somebody/tiny")


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("nothing", {}, "no model 'nothing': give a folder that exists, owner/name on the hub, or"),
        ("./no/where", {}, "no model './no/where'"),
        ("some/one", {"local_files_only": True}, "some/one is not in the hub's cache here"),
    ],
)
def test_what_is_nowhere_is_answered_in_one_line(
    fake_hub: Path, name: str, how: dict[str, bool], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        from_pretrained(name, **how)
    assert "\n" not in str(caught.value)


def test_a_folder_has_no_revision(saved: Path) -> None:
    with pytest.raises(UserError, match="has no revision 'v1'"):
        from_pretrained(saved, revision="v1")


def test_the_card_says_all_that_it_must(saved: Path) -> None:
    numbers, said = card.read_card(saved), (saved / "README.md").read_text()
    assert said == page(numbers)
    for fact in (
        numbers["data"]["fingerprint"],
        "stratiform train tiny --run runs/tiny",
        "importance-weighted bound, 3 samples: an upper bound on the bits",
        "±",
        "| 1 | 1 |",
        "Level 2 ",
        "Knows:",
        "Controls:",
        "](samples.png)",
        "](levels.png)",
        "## Limits",
    ):
        assert fact in said, fact
    assert "None" not in said and "nan" not in said
    assert all((saved / name).stat().st_size > 1000 for name in numbers["pictures"])


def test_a_true_card_stands_and_a_false_number_is_named(copied: Path) -> None:
    entries = verified(copied)
    assert all(entry.same for entry in entries) and len(entries) > 50
    numbers = card.read_card(copied)
    numbers["bound"]["bits_per_dim"] -= 0.1
    (copied / "card.json").write_text(json.dumps(numbers))
    wrong = [entry.name for entry in verified(copied) if not entry.same]
    assert wrong[0] == "bound.bits_per_dim" and len(wrong) == 2 and wrong[1].startswith("README.md, line ")


def _recipe(kind: str) -> Recipe:
    if kind == "continuous":
        model = MODELS["vlae"](latents=(2,), network=Network(kind="dense", hidden=8))
        return tiny(model=model, data=tiny().data.__class__(source="digits", limit=64, dequantise=True))
    return tiny(model=RECIPES[f"{kind}-digits"].recipe.model)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("pixelcnn", ("exact log-likelihood", "| log p(x), nats per image |", "](samples.png)")),
        ("matnet-inpaint", ("log p(hidden given known)", "](completions.png)", "draws none by itself")),
        ("continuous", ("no bits per dimension follow", "](levels.png)")),
    ],
)
def test_every_kind_of_model_has_a_card(kind: str, facts: tuple[str, ...], tmp_path: Path) -> None:
    folder = untrained(tmp_path / kind, _recipe(kind), gain=1.0)
    card.write_card(folder)
    said = (folder / "README.md").read_text()
    assert all(fact in said for fact in facts), said
    assert "None" not in said and "nan" not in said


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_model_works_offline_at_once(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = from_pretrained(name)
    assert loaded.spec == ImageSpec(1, 8, 8, 17) and stratiform.load(name).recipe == loaded.recipe
    held = card.read_card(loaded.run.path)
    assert (loaded.run.path / "README.md").read_text() == page(held)
    assert not any(tmp_path.iterdir()), "nothing is written where one works"


def test_shipped_models_are_small() -> None:
    sizes = [path.stat().st_size for path in shipped.SHIPPED.rglob("*") if path.is_file()]
    assert sum(sizes) < 8e6 and max(sizes) < 2.5e6


def test_a_changed_copy_of_a_shipped_model_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STRATIFORM_CACHE", str(tmp_path))
    copy = stratiform.load("vlae-digits").run.path
    (copy / "recipe.json").write_text("{}")
    with pytest.raises(UserError, match=r"recipe\.json is not the file that was saved"):
        stratiform.load("vlae-digits")


def test_a_folder_here_goes_before_a_shipped_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "vlae-digits")
    assert stratiform.load("vlae-digits").recipe.name == "tiny"
