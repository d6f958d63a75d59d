"""Damaged and hostile checkpoints: refused in one line with exit status 2, never repaired, never executed."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from system.conftest import TINY, Say, everything_in


class Bomb:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def cut_in_the_header(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:40])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def pickled(file: Path) -> None:
    file.write_bytes(pickle.dumps({"model": Bomb(file.with_name("exploded"))}))


def pickled_by_torch(file: Path) -> None:
    torch.save({"model": Bomb(file.with_name("exploded"))}, file)


def huge_header(file: Path) -> None:
    file.write_bytes((2**62).to_bytes(8, "little") + b"{}")


def changed(change: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        tensors = load_file(file)
        change(tensors)
        notes = {"format": "stratiform training state 2", "step": "2", "seed": "0", "weights": "average"}
        save_file(tensors, file, notes)

    return damage


def largest(tensors: dict[str, torch.Tensor]) -> str:
    return max(tensors, key=lambda name: tensors[name].numel())


def with_nan(tensors: dict[str, torch.Tensor]) -> None:
    tensors[largest(tensors)].view(-1)[0] = torch.nan


def of_another_shape(tensors: dict[str, torch.Tensor]) -> None:
    name = largest(tensors)
    tensors[name] = torch.cat([tensors[name], tensors[name]])


def of_another_type(tensors: dict[str, torch.Tensor]) -> None:
    name = largest(tensors)
    tensors[name] = tensors[name].double()


def without_one(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[largest(tensors)]


def with_one_more(tensors: dict[str, torch.Tensor]) -> None:
    tensors["back.door"] = torch.zeros(1)


DAMAGES = [
    truncated, cut_in_the_header, empty, pickled, pickled_by_torch, huge_header,
    *(changed(change) for change in (with_nan, of_another_shape, of_another_type, without_one, with_one_more)),
]  # fmt: skip
NAMES = [
    "truncated", "cut in the header", "empty", "a pickle", "torch's pickle", "huge header",
    "NaN", "another shape", "another type", "one tensor less", "one tensor more",
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=NAMES)
@pytest.mark.parametrize("name", ["weights.safetensors", "state.safetensors"])
def test_is_refused(name: str, damage: Callable[[Path], None], say: Say, copied: Path) -> None:
    damage(copied / name)
    before = everything_in(copied)
    use = ("evaluate", copied, "--samples", 1, "--limit", 4)
    resume = ("train", "vlae-digits", "--run", copied, *TINY)
    said = say(*(use if name.startswith("weights") else resume))
    assert said.status == 2
    assert name in said.err and said.err.startswith("error: ") and said.err.count("\n") == 1
    assert everything_in(copied) == before


RECIPES = {
    "no JSON": "{",
    "another thing": "[1, 2]",
    "empty": "",
    "without the recipe": '{"spec": {}, "data": "", "class_names": []}',
    "an unknown field": None,
}


@pytest.mark.parametrize("text", RECIPES.values(), ids=RECIPES)
def test_a_damaged_recipe_is_refused(text: str | None, say: Say, copied: Path) -> None:
    file = copied / "recipe.json"
    file.write_text(file.read_text().replace('"latents"', '"latent"') if text is None else text)
    said = say("evaluate", copied)
    assert said.status == 2, said.err
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
