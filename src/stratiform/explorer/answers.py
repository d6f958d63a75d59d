"""What the API answers with: tensors as JSON, PNG and NPZ."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from stratiform.explorer import strict
from stratiform.explorer.picture import shown


def pictures(x: Tensor) -> dict[str, Any]:
    """Images [n, C, H, W] in [0, 1] as JSON: their shape, and a byte per value in base64url."""
    return {"shape": list(x.shape), "pixels": strict.unpacked(shown(x).numpy().tobytes())}


def png(x: Tensor, scale: int = 1) -> bytes:
    """One image [C, H, W], every pixel a square of `scale` x `scale`."""
    cells = shown(x).permute(1, 2, 0).repeat_interleave(scale, 0).repeat_interleave(scale, 1).numpy()
    file = io.BytesIO()
    Image.fromarray(cells if cells.shape[2] == 3 else cells[:, :, 0]).save(file, "PNG", compress_level=1)
    return file.getvalue()


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()
