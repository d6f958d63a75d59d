import io
from pathlib import Path
from typing import Any

import pytest

from stratiform.training.events import Began, Finished, Logged, Scored, Skipped
from stratiform.training.progress import BAR, Progress, bars, clock, collapsed, headline

RUN = Path("runs/vlae")


def line(step: int = 100, **fields: Any) -> dict[str, Any]:
    values = {"elbo": -61.5, "bits_per_dim": 1.386, "kl": [3.0, 0.0042, 6.0], "beta": 1.0, "skipped": 0}
    return {"step": step, **(values | fields)}


def shown(*events: object, terminal: bool = False) -> str:
    file = io.StringIO()
    file.isatty = lambda: terminal  # type: ignore[method-assign]
    with Progress(file) as watch:
        for event in events:
            watch(event)
    return file.getvalue()


def test_plain_lines_hold_step_time_bits_and_every_level():
    text = shown(Began(RUN, 0, 200, 1234, ("3 bad files",)), Logged(line(), 12.0, 65.0), Finished(RUN, 200, 90.0))
    assert text.splitlines()[:2] == ["3 bad files", "runs/vlae: 1,234 parameters, 200 steps"]
    assert "step 100/200  50 %   1.386 bits/dim   1:05 left   KL 3.00 0.00 6.00" in text
    assert "200 steps in 1:30" in text
    assert "\x1b" not in text


def test_a_run_that_goes_on_says_where():
    assert "goes on at step 40" in shown(Began(RUN, 40, 200, 1234, ()))


def test_plain_lines_come_at_most_every_ten_seconds_but_always_at_the_end():
    events = [Logged(line(step, kl=[1.0]), float(step), 0.0) for step in range(1, 26)]
    text = shown(Began(RUN, 0, 25, 1, ()), *events)
    assert [row.split("/")[0] for row in text.splitlines()[1:]] == ["step 1", "step 11", "step 21", "step 25"]


def test_every_start_has_a_clock_and_a_test_score_of_its_own():
    one = [Began(RUN, 0, 25, 1, ()), Scored(9, {"bits_per_dim": 2.5, "elbo": -1.0}), Logged(line(9), 300.0, 0.0)]
    text = shown(*one, Began(RUN, 0, 25, 1, ()), Logged(line(1), 1.0, 0.0))
    first, other = [row for row in text.splitlines() if row.startswith("step")]
    assert first.startswith("step 9/") and "test 2.500" in first
    assert other.startswith("step 1/") and "test" not in other


def test_a_terminal_shows_a_bar_for_each_level_top_first():
    text = shown(Began(RUN, 0, 200, 1, ()), Logged(line(), 1.0, 65.0), terminal=True)
    assert "\x1b" in text
    assert text.index("level 3") < text.index("level 2  ") < text.index("level 1")


def test_bars_are_as_long_as_what_a_level_pays():
    assert [row.count("▇") for row in bars([3.0, 0.0, 6.0])] == [BAR, 0, BAR // 2]
    assert bars([]) == []


def test_a_collapsed_level_is_named_once_with_what_to_try():
    events = [Logged(line(step), float(step), 0.0) for step in (50, 100, 150)]
    text = shown(Began(RUN, 0, 200, 1, ()), *events)
    assert text.count("level 2 carries nothing: its KL is 0.0042 nats at step 50. Try a longer --beta.steps") == 1
    assert "level 1 carries" not in text


@pytest.mark.parametrize(("beta", "levels"), [(0.0, []), (0.5, []), (0.51, [2]), (1.0, [2])])
def test_no_level_is_called_collapsed_before_its_kl_has_weight(beta: float, levels: list[int]):
    assert collapsed(line(beta=beta)) == levels


def test_warm_up_and_skips_are_shown_while_they_last():
    assert headline(line(beta=0.25, skipped=3), 200).endswith("1.386 bits/dim   beta 0.25   3 skipped")
    assert headline(line(), 200).endswith("1.386 bits/dim")


def test_data_without_bits_show_their_bound():
    assert headline(line(bits_per_dim=None), 200).endswith("ELBO -61.50 nats")


def test_the_last_score_and_skips_are_told():
    text = shown(
        Began(RUN, 0, 200, 1, ()),
        Skipped(7, 512.0, 40.0),
        Scored(100, {"bits_per_dim": 1.5, "elbo": -66.0}),
        Logged(line(), 1.0, 1.0),
    )
    assert "step 7 skipped: its gradient is 512 long, the limit is 40" in text
    assert "test 1.500 bits/dim" in text


def test_clock():
    assert [clock(seconds) for seconds in (0.4, 61, 3723)] == ["0:00", "1:01", "1:02:03"]
