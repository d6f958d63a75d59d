"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network, no LaTeX."""

from __future__ import annotations

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.writers.html5 import HTML5Translator

TAG = re.compile(r"\\tag\{([^}]*)\}")
LEFT_OVER = re.compile(r"<m\w+>(\\[A-Za-z]+|&)</m\w+>")  # what the converter did not know


def mathml(latex: str, display: str) -> str:
    """A <math> element; raises where a word of the formula is not known."""
    found = convert(latex, display=display).replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")  # \sim
    found = re.sub(r"<mi>(log|ln)</mi>", r'<mo form="prefix" lspace="0" rspace="0.17em">\1</mo>', found)
    if unknown := LEFT_OVER.search(found):
        raise SphinxError(f"{unknown[1]} cannot be drawn, in the formula {latex!r}")
    return found


def inline(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def block(writer: HTML5Translator, node: nodes.math_block) -> None:
    latex, tags = TAG.sub("", node.astext()), TAG.findall(node.astext())
    number = "".join(f'<span class="equation">({tag})</span>' for tag in tags)
    writer.body.append(f'<div class="formula"><div>{mathml(latex.strip(), "block")}</div>{number}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
