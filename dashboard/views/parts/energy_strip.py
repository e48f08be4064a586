"""Strips that show where the energies of a picture lie among the frames of the stored clips."""

# N frames

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from dashboard.image.percentile import SHARES, Standing, lacking
from dashboard.numbers import number

LOW, HIGH = -3.0, 6.0
"""Ends of every strip, sigma: anchored, so that noise is not stretched; values beyond them stand at the end."""
MEANING = (
    "A high energy means that the paths to this prediction contradict each other more than on the stored clips: the picture "
    "may be unlike what the networks know. It does not say which of them is wrong, and a low one does not make them right."
)
STYLE = """
<style>
.energies-title { margin: 0 0 0.375rem !important; padding: 0.5rem 0 0 !important; font-size: 1.0625rem !important; line-height: 1.4 !important; }
.energies { display: grid; grid-template-columns: minmax(9rem, auto) 4.5rem minmax(8rem, 24rem) 1fr; gap: 0.25rem 0.875rem;
  align-items: center; font-size: 0.8125rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.energies .value { text-align: right; font-weight: 600; white-space: nowrap; }
.energies .strip { position: relative; height: 0.875rem; border-radius: 0.1875rem; background: rgba(128, 128, 128, 0.18); }
.energies .strip i { position: absolute; top: 0; bottom: 0; }
.energies .band { background: rgba(128, 128, 128, 0.4); border-radius: 0.1875rem; }
.energies .median { width: 2px; margin-left: -1px; background: rgba(128, 128, 128, 0.95); }
.energies .zero { width: 0; border-left: 1px dashed rgba(128, 128, 128, 0.9); }
.energies .here { width: 4px; margin: -3px 0 -3px -2px; border-radius: 2px; background: #d9480f; }
@media (max-width: 640px) { .energies { grid-template-columns: 1fr auto; } .energies :is(.strip, .words) { grid-column: 1 / -1; } }
</style>
"""


def energy_strips(energies: Sequence[tuple[str, Standing]], command: str) -> None:
    """A line for each: name, value, strip and words. Names come from outside: shown as text. `command` computes a clip to compare
    with, where there is none."""
    lines = "".join(_line(name, standing) for name, standing in energies)
    st.html(
        f'{STYLE}<h3 class="energies-title">Where this picture\'s energies lie</h3><div class="energies">{lines}</div>'
    )
    st.caption(
        f"Strips from {number(LOW, 'σ')} to {number(HIGH, 'σ')}: the band holds 90\N{NO-BREAK SPACE}% of the frames of the "
        f"stored clips, the grey line is their median, the dashed one 0 (as on validation rooms), the orange one this picture. "
        f"{MEANING}"
    )
    if missing := lacking([found for _, found in energies]):
        st.caption(f"{missing} To compute some: `{command}`")


def _line(name: str, found: Standing) -> str:
    marks = _mark("zero", 0.0)
    if len(found.others):
        low, median, high = np.quantile(found.others, SHARES)
        left, right = _share(low), _share(high)
        marks = (
            f'<i class="band" style="left: {left:.1f}%; right: {100 - right:.1f}%"></i>{marks}{_mark("median", median)}'
        )
    return (
        f'<span>{escape(name)}</span><span class="value">{escape(number(found.value, "σ"))}</span>'
        f'<span class="strip">{marks}{_mark("here", found.value)}</span><span class="words">{escape(found.words)}</span>'
    )


def _mark(kind: str, value: float) -> str:
    return f'<i class="{kind}" style="left: {_share(value):.1f}%"></i>'


def _share(value: float) -> float:
    """Place on the strip, %."""
    return 100 * min(max((value - LOW) / (HIGH - LOW), 0.0), 1.0)
