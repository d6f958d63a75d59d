"""One self-contained page of a run: what the data are, what the numbers mean, what each level learnt.

The page asks nothing of the network and needs no script.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from stratiform import __version__
from stratiform.files import write_text
from stratiform.report.measured import Measured
from stratiform.report.sections import SECTIONS, title


def report(run: Path, *, seed: int = 0) -> Path:
    """Writes RUN/report.html and returns its path.

    Takes seconds where `evaluate` and `levels` have been run on these weights; else they are measured first.
    """
    measured = Measured.of(Path(run), seed)
    body = "\n".join(part for section in SECTIONS for part in section(measured))
    page = Template(files(__name__).joinpath("page.html").read_text())
    path = Path(run) / "report.html"
    write_text(path, page.substitute(title=escape(title(measured)), version=__version__, body=body))
    return path
