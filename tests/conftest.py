"""What every test shares: one torch thread, caches in a temporary folder, nothing from the network."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data cache of this test session, so that no test reads or writes the user's own."""
    path = tmp_path_factory.mktemp("cache")
    os.environ["STRATIFORM_CACHE"] = str(path)
    return path


@pytest.fixture
def float64() -> Iterator[None]:
    """New tensors and parameters are float64 within the test."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
