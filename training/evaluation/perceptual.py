"""Writes the table of perceptual errors: readouts of predictions against readouts of the truth, the paper's second measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from training.evaluation.tables import plain, signed, table, title


def perceptual_text(gaps: Mapping[tuple[str, str], float], targets: Sequence[str], reference: str) -> str:
    """Mean perceptual error of each method by target, and its change against the reference.

    `gaps`: (method, edge such as `depth-normal`) -> L1 between readouts of the prediction and of the truth.
    """
    methods = list(dict.fromkeys(method for method, _ in gaps))
    rows = []
    for target in targets:
        edges = [edge for method, edge in gaps if method == reference and edge.startswith(f"{target}-")]
        cells = []
        for method in methods:
            values = np.array([gaps.get((method, edge), np.nan) for edge in edges])
            base = np.array([gaps[reference, edge] for edge in edges])
            if not edges or not np.isfinite(values).all():
                cells.append("–")
                continue
            mean = plain(float(values.mean()), 4)
            if method == reference:
                cells.append(mean)
                continue
            n_lower = int((values < base).sum())
            # Where a readout has no error at all there is no ratio.
            change = "–"
            if (values > 0).all() and (base > 0).all():
                change = f"{signed(100 * (float(np.exp(np.log(values / base).mean())) - 1), 1)} %"
            cells.append(f"{mean} ({change}, {n_lower} of {len(edges)})")
        rows.append([title(target), *cells])
    return (
        "### Perceptual error\n\nThe paper's second measure: L1 between a cross network's readouts of the prediction and of the truth, "
        f"mean over the readouts of a target. In brackets: change against `{reference}` (geometric mean of the ratios), and how many "
        "readouts are lower.\n\n" + table(["target", *methods], rows)
    )
