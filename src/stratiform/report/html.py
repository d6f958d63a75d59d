"""Figures as parts of a page: images inline, charts in a light and a dark look."""

from __future__ import annotations

import base64
from collections.abc import Callable
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


def _captioned(picture: str, caption: str) -> str:
    return f"<figure>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def _image(figure: Figure, alternative: str) -> str:
    width = round(figure.get_figwidth() * figures.DPI)
    return f'<img width="{width}" alt="{escape(alternative)}" src="{_inline(figure)}">'


def _inline(figure: Figure) -> str:
    return f"data:image/png;base64,{base64.b64encode(figures.png(figure, fine=2)).decode()}"
