"""What a person sees of work that takes its time: live on a terminal, plain lines now and then anywhere else."""

from __future__ import annotations

import sys
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

PLAIN_SECONDS = 10.0  # between two plain lines


class Display:
    """Lines that stay, and some beneath them that change: `with Display() as display: ...`.

    Args:
        file: where to; standard error, because standard output is for answers.
        silence: seconds until the first plain line of what changes.
    """

    def __init__(self, file: TextIO | None = None, silence: float = 0.0) -> None:
        self.console = Console(file=file or sys.stderr, highlight=False, markup=False, soft_wrap=True)
        self.live = Live(console=self.console, refresh_per_second=4) if self.console.is_terminal else None
        self.next_at = silence

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Leaves the terminal as it was found, however the work ended."""
        if self.live is not None:
            self.live.stop()

    def restart(self) -> None:
        """The clock of the work starts again at 0: what changes is shown at once."""
        self.next_at = 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text)

    def update(self, changing: str, plain: str, seconds: float, *, last: bool = False) -> None:
        """What changes, after so many seconds of work; without a terminal the plain line, when it is time for one."""
        if self.live is not None:
            self.live.start()
            self.live.update(Text(changing))
        elif last or seconds >= self.next_at:
            self.next_at = seconds + PLAIN_SECONDS
            self.say(plain)


def clock(seconds: float) -> str:
    """1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
