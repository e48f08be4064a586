"""A table of text as HTML: read row by row by assistive technology, wrapped or scrolled where it is wider than the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

import streamlit as st

NO_HINTS: Mapping[str, str] = MappingProxyType({})


def html_table(
    name: str, headings: Sequence[str], rows: Sequence[Sequence[str]], hints: Mapping[str, str] = NO_HINTS
) -> None:
    """Show the rows under their headings; the first cell of a row names it. All of it is shown as text.

    `hints`: heading -> what it means, shown under the pointer.
    """
    head = "".join(f'<th scope="col"{_title(hints.get(text, ""))}>{escape(text)}</th>' for text in headings)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(text)}</td>" for text in row[1:])}</tr>'
        for row in rows
    )
    label = escape(name, quote=True)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    st.html(f'<div class="words-table" role="region" aria-label="{label}" tabindex="0">{table}</div>')


def _title(hint: str) -> str:
    return f' title="{escape(hint, quote=True)}"' if hint else ""
