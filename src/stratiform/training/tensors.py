"""Named tensors in a safetensors file: written whole or not at all, read strictly. No pickle anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from stratiform.errors import UserError
from stratiform.files import atomic

NOTES = "notes"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    """Replaces `path` by these tensors and notes.

    Raises:
        Failed: the disk is full or cannot be written; what stood at `path` stands there still.
    """
    with atomic(path) as temporary:
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, _as_one(notes))
        except SafetensorError as error:
            raise OSError(str(error)) from error


def _as_one(notes: Mapping[str, str]) -> dict[str, str]:
    """The library writes entries in random order: one entry makes equal files equal to the byte."""
    return {NOTES: json.dumps(notes, sort_keys=True)}


def read_notes(path: Path) -> dict[str, str]:
    """The notes of a file, without its tensors.

    Raises:
        UserError: it is missing, damaged, or no safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            held: dict[str, str] = file.metadata() or {}
        return json.loads(held[NOTES]) if NOTES in held else held
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist; train first") from error
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path} is damaged or no safetensors file ({error}); delete it and train again") from error


def read_tensors(path: Path, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of exactly the names, shapes and types of `like`, all numbers finite.

    Raises:
        UserError: the file is missing or damaged, or holds anything else.
    """
    read_notes(path)
    with safe_open(path, framework="pt") as file:
        strange = sorted(set(file.keys()) ^ set(like))
        if strange:
            what = "lacks" if strange[0] in like else "holds the unknown"
            raise UserError(f"{path} {what} tensor {strange[0]} ({len(strange)} in all): it belongs to another model")
        tensors = {}
        for name, pattern in like.items():
            tensors[name] = _checked(path, name, file.get_tensor(name), pattern)
    return tensors


def _checked(path: Path, name: str, tensor: Tensor, pattern: Tensor) -> Tensor:
    if (tensor.shape, tensor.dtype) != (pattern.shape, pattern.dtype):
        found, wanted = (f"{t.dtype} {list(t.shape)}".removeprefix("torch.") for t in (tensor, pattern))
        raise UserError(f"{path}: tensor {name} is {found}; this model needs {wanted}")
    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        raise UserError(f"{path}: tensor {name} holds numbers that are not finite; nothing is repaired: train again")
    return tensor
