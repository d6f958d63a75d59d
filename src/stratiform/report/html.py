"""Figures as parts of a page: images inline, charts in a light and a dark look."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from stratiform import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def mosaic(figure: Figure, alternative: str, caption: str) -> str:
    """A picture made of images, the same on light and dark pages."""
    return _captioned(_image(figure, alternative), caption)


def chart(draw: Callable[[figures.Look], Figure], alternative: str, caption: str) -> str:
    """A figure in two looks, of which the reader's browser takes the one that fits the page."""
    dark = f'<source media="(prefers-color-scheme: dark)" srcset="{_inline(draw(figures.DARK))}">'
    return _captioned(f"<picture>{dark}{_image(draw(figures.LIGHT), alternative)}</picture>", caption)


def paragraph(text: str, kind: str = "") -> str:
    """Plain text as a paragraph."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A name in the first column, numbers in the others."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = []
    for name, *cells in rows:
        told = "".join(f'<td class="number">{escape(cell.replace("-", "−"))}</td>' for cell in cells)
        lines.append(f'<tr><td style="white-space: nowrap">{escape(name)}</td>{told}</tr>')
    body = "".join(lines)
    return f"<figure><table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table></figure>"


def _captioned(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def _image(figure: Figure, alternative: str) -> str:
    width = round(figure.get_figwidth() * figures.DPI)
    return f'<img width="{width}" alt="{escape(alternative)}" src="{_inline(figure)}">'


def _inline(figure: Figure) -> str:
    return f"data:image/png;base64,{base64.b64encode(figures.png(figure, fine=2)).decode()}"
