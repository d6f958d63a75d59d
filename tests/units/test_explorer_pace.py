"""Of how many images what is found out once is found."""

import pytest
from torch import Tensor

from stratiform.data.config import DataConfig
from stratiform.data.source import load
from stratiform.explorer import pace


def test_slow_work_gets_few_images_and_quick_work_all(monkeypatch: pytest.MonkeyPatch) -> None:
    data = load(DataConfig(source="digits", limit=64))
    tried: list[int] = []

    def work(x: Tensor) -> None:
        tried.append(len(x))
        for _ in range(100):
            x = x + 1

    monkeypatch.setattr(pace, "SECONDS", 1e6)
    assert pace.in_time(work, data, "test", 3, 40) == 40
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    assert pace.in_time(work, data, "test", 3, 40) == 3
    assert max(tried) <= pace.TRIED
