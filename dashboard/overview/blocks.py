"""A document as blocks, written as one HTML file that loads nothing, or as Markdown. All of its text is shown as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from dashboard.text import without_markdown


@dataclass(frozen=True)
class Heading:
    text: str


@dataclass(frozen=True)
class Words:
    """A paragraph; several are a list."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A table; the first column names the row."""

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Commands:
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """Pictures of one frame, each with its caption; Markdown has their captions alone."""

    title: str
    pictures: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    """Caption and `data:` address."""


Block = Heading | Words | Grid | Commands | Pictures
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light dark; }
body { max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #23252a; background: #fff; font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 2rem; margin: 0 0 .5rem; } h2 { font-size: 1.125rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .375rem 0; } .scrolled { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; text-align: left; vertical-align: top; }
pre { padding: .75rem; border: 1px solid #8884; border-radius: 6px; overflow-x: auto; font-size: .875rem; }
.pictures { display: flex; flex-wrap: wrap; gap: .75rem; } figure { margin: 0; flex: 0 1 256px; } figcaption { font-size: .8125rem; }
img { display: block; width: 100%; border-radius: 4px; }
@media (prefers-color-scheme: dark) { body { color: #e8e8e6; background: #16171a; } }
@media print { h2, h3, figure, tr { break-inside: avoid; } }"""


def to_html(title: str, blocks: Sequence[Block]) -> str:
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escape(title)}</title>\n<style>{STYLE}\n</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>",
            *(_html(block) for block in blocks),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _html(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Words(texts) if len(texts) == 1:
            return f"<p>{escape(texts[0])}</p>"
        case Words(texts):
            return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"
        case Grid(name, head, rows):
            named = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
            body = "".join(
                f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(text)}</td>" for text in rest)}</tr>'
                for first, *rest in rows
            )
            scrolled = f'<div class="scrolled" tabindex="0" role="region" aria-label="{escape(name)}">'
            return f"{scrolled}<table><thead><tr>{named}</tr></thead><tbody>{body}</tbody></table></div>"
        case Commands(lines):
            return f'<pre tabindex="0">{escape(chr(10).join(lines))}</pre>'
        case Pictures(title, pictures):
            figures = "".join(
                f'<figure><img src="{escape(address)}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
                for caption, address in pictures
            )
            return f'<h3>{escape(title)}</h3><div class="pictures">{figures}</div>'


def to_markdown(title: str, blocks: Sequence[Block]) -> str:
    return "\n\n".join([f"# {without_markdown(title)}", *(_markdown(block) for block in blocks)]) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {without_markdown(text)}"
        case Words(texts) if len(texts) == 1:
            return without_markdown(texts[0])
        case Words(texts):
            return "\n".join(f"- {without_markdown(text)}" for text in texts)
        case Grid(_, head, rows):
            rule = f"|{' --- |' * len(head)}"
            return "\n".join([_markdown_row(head), rule, *(_markdown_row(row) for row in rows)])
        case Commands(lines):
            fence = "`" * 3
            while any(fence in line for line in lines):
                fence += "`"
            return "\n".join([f"{fence}sh", *lines, fence])
        case Pictures(title, pictures):
            shown = ", ".join(without_markdown(caption) for caption, _ in pictures)
            return f"- {without_markdown(title)}" + (f" (pictures in the HTML report: {shown})" if shown else "")


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(without_markdown(cell) for cell in cells)} |"
