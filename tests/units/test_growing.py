"""How far images have grown: live on a terminal, plain lines anywhere else, nothing of a short wait."""

import io

import pytest
import torch

from stratiform.cli import growing
from stratiform.cli.growing import Growth

IMAGES = torch.zeros(2, 1, 4, 4)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is: set its only entry."""
    now = [100.0]
    monkeypatch.setattr(growing.time, "monotonic", lambda: now[0])
    return now


def shown(clock: list[float], rows: int, seconds: float, terminal: bool = False) -> str:
    """What is seen of `rows` rows, one every so many seconds."""
    file = io.StringIO()
    file.isatty = lambda: terminal  # type: ignore[method-assign]
    with Growth(file) as watch:
        for row in range(1, rows + 1):
            clock[0] += seconds
            watch(IMAGES, row / rows)
    return file.getvalue()


def test_plain_lines_come_at_most_every_ten_seconds(clock: list[float]) -> None:
    lines = [" 30 % drawn   0:28 left", " 60 % drawn   0:16 left", " 90 % drawn   0:04 left"]
    assert shown(clock, 10, 4.0).splitlines() == lines


def test_a_short_wait_is_not_spoken_of(clock: list[float]) -> None:
    assert shown(clock, 9, 1.0) == ""


def test_a_terminal_shows_every_row(clock: list[float]) -> None:
    text = shown(clock, 2, 1.0, terminal=True)
    assert "\x1b" in text and "100 % drawn   0:00 left" in text
