"""Draws plots as SVG and sheets of images side by side as WebP. Equal input gives equal bytes.

H x W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analysis.statistics import RiskCoverage
from consistency.domains import ENERGY, get_domain
from training.evaluation.tables import title

TILE_PX = 112
"""Side of an image in a sheet: ten fit the width of a page."""
GAP_PX = 4
LABEL_PX = 30  # names of columns, in two lines
MARGIN_PX = 104  # names of rows
WEBP_QUALITY = 72
DEPTH_SHOWN_METRES = (0.75, 7.5)
"""The range of the whole colour map, so that rooms have contrast."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""The palette of Okabe and Ito, which colour-blind people can distinguish too."""
STYLE: Any = {
    "svg.hashsalt": "crosscheck",
    "svg.fonttype": "none",  # letters as text, which is a third of the size
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


# Plots


def panels(n: int, height_inches: float = 3.0, rows: int = 1, sharey: bool = False) -> tuple[Figure, np.ndarray]:
    """A figure with n columns, on white, which is readable on light and dark pages; axes are (rows, n)."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.4 * n, height_inches * rows), layout="constrained", facecolor="white")
        FigureCanvasSVG(figure)
        axes = figure.subplots(rows, n, squeeze=False, sharey=sharey)
    return figure, axes


def save_plot(figure: Figure, path: Path) -> None:
    """Write a figure as SVG, without a date."""
    with mpl.rc_context(STYLE):
        figure.savefig(path, format="svg", metadata={"Date": None})


def energy_against_error(points: Mapping[str, tuple[np.ndarray, np.ndarray]], captions: Mapping[str, str]) -> Figure:
    """A panel per target: energy and error of each frame."""
    figure, axes = panels(max(len(points), 1))
    for axis, (target, (energy, error)) in zip(axes[0], points.items(), strict=False):
        axis.plot(energy, error, ".", markersize=4, alpha=0.5, color=COLOURS[0], markeredgewidth=0)
        axis.set(xlabel="energy of the frame (σ)", ylabel="L1 error of the frame (codes)", ylim=(0, None))
        axis.set_title(f"{title(target)}: {captions[target]}", fontsize=9)
    return figure


def risk_against_coverage(curves: Mapping[str, Mapping[str, tuple[str, RiskCoverage]]]) -> Figure:
    """A row per kind (frames, pixels), a panel per target: the mean error of what is kept when the highest energies are dropped."""
    n_columns = max((len(row) for row in curves.values()), default=1)
    figure, axes = panels(max(n_columns, 1), rows=max(len(curves), 1))
    for row, (kind, targets) in zip(axes, curves.items(), strict=False):
        for axis, (target, (method, curve)) in zip(row, targets.items(), strict=False):
            chosen = np.unique(np.linspace(0, len(curve.coverage) - 1, 100).astype(int))
            share = 100 * curve.coverage[chosen]
            axis.plot(share, curve.risk[chosen], color=COLOURS[0], label=f"by energy ({method})")
            axis.plot(share, curve.oracle[chosen], color=COLOURS[2], linestyle="--", label="by the error itself")
            axis.axhline(curve.random, color=COLOURS[7], linestyle=":", label="at random")
            axis.set(xlabel=f"{kind} kept (%)", ylabel="mean L1 error (codes)", ylim=(0, None))
            axis.set_title(f"{title(target)}, {kind}", fontsize=9)
        row[0].legend()
    return figure


def energy_of_sets(sets: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """A panel per target: energies of each set of pictures. Boxes span the middle half, whiskers span 90 %."""
    n_sets = max((len(groups) for groups in sets.values()), default=1)
    figure, axes = panels(max(len(sets), 1), height_inches=0.8 + 0.3 * n_sets, sharey=True)
    for axis, (target, groups) in zip(axes[0], sets.items(), strict=False):
        values = [found[np.isfinite(found)] for found in groups.values()]
        axis.boxplot(
            values,
            orientation="horizontal",
            whis=(5, 95),
            showfliers=False,
            medianprops={"color": COLOURS[1]},
        )
        names = [f"{name} ({len(found)})" for name, found in zip(groups, values, strict=True)]
        axis.set_yticks(range(1, len(names) + 1), names)
        axis.invert_yaxis()
        axis.set(xlabel="energy (σ)")
        axis.set_title(title(target), fontsize=9)
    return figure


def energy_under_shifts(
    ladders: Mapping[tuple[str, str], Mapping[tuple[str, str], Sequence[tuple[float, float]]]],
) -> Figure:
    """A panel per shift (name, unit): mean energy at each level, for each target and method; the first level is no shift."""
    figure, axes = panels(max(len(ladders), 1))
    for axis, ((name, unit), lines) in zip(axes[0], ladders.items(), strict=False):
        targets = list(dict.fromkeys(target for target, _ in lines))
        methods = list(dict.fromkeys(method for _, method in lines))
        for (target, method), points in lines.items():
            levels = ["none", *(f"{level:g}" for level, _ in points[1:])]
            axis.plot(
                range(len(points)),
                [energy for _, energy in points],
                color=COLOURS[targets.index(target)],
                linestyle=("-", "--", ":")[methods.index(method) % 3],
                marker=".",
                label=f"{title(target)}, {method}",
            )
            axis.set_xticks(range(len(points)), levels)
        axis.set(xlabel=f"{name} ({unit})", ylabel="mean energy (σ)")
    if axes[0][0].lines:
        axes[0][0].legend(fontsize=7)
    return figure


def errors_of_methods(figures: Mapping[tuple[str, str], Mapping[str, tuple[float, float]]]) -> Figure:
    """A panel per (target, name and unit of the figure): the error of each method, with its interval if there is one.

    Every panel has a line for every method, so that panels share the names. The line of a method without the target is empty.
    """
    methods = list(dict.fromkeys(method for found in figures.values() for method in found))
    figure, axes = panels(max(len(figures), 1), height_inches=0.8 + 0.25 * len(methods), sharey=True)
    for axis, ((target, label), found) in zip(axes[0], figures.items(), strict=False):
        for method, (value, half_width) in found.items():
            reach = half_width if np.isfinite(half_width) else None
            axis.errorbar(value, methods.index(method), xerr=reach, fmt="o", color=COLOURS[0], capsize=3)
        axis.ticklabel_format(axis="x", useOffset=False)
        axis.locator_params(axis="x", nbins=4)
        axis.set(xlabel=label, ylim=(len(methods) - 0.5, -0.5))
        axis.set_title(title(target), fontsize=9)
    axes[0][0].set_yticks(range(len(methods)), methods)
    return figure


# Sheets


def coloured(domain: str, codes: np.ndarray) -> np.ndarray:
    """The colours of a domain: uint8 codes (H, W, C) -> RGB uint8 (H, W, 3)."""
    if codes.shape[-1] == 3:
        return codes
    if domain == "depth":
        low, high = (255 * code_of_metres(distance) for distance in DEPTH_SHOWN_METRES)
        stretched = np.clip((codes[..., 0].astype(float) - low) / (high - low), 0, 1)
        return cv2.applyColorMap((255 * stretched).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
    return np.repeat(codes, 3, axis=-1)


def code_of_metres(distance: float) -> float:
    """The depth code of a distance, in [0, 1] within the domain's range."""
    depth = get_domain("depth")
    return math.log(distance / depth.lo) / math.log(depth.hi / depth.lo)


def coloured_energy(energy: np.ndarray) -> np.ndarray:
    """Energy (H, W) in sigma -> RGB uint8 (H, W, 3), on the fixed scale of the energy maps."""
    share = np.clip((energy - ENERGY.lo) / (ENERGY.hi - ENERGY.lo), 0, 1)
    return cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]


def sheet(columns: Sequence[str], rows: Mapping[str, Sequence[np.ndarray | None]], path: Path) -> None:
    """Write rows of images (RGB uint8) under the names of the columns; None leaves a gap."""
    width = MARGIN_PX + len(columns) * (TILE_PX + GAP_PX)
    height = LABEL_PX + len(rows) * (TILE_PX + GAP_PX)
    page = np.full((height, width, 3), 255, np.uint8)
    for column, name in enumerate(columns):
        write(page, name, MARGIN_PX + column * (TILE_PX + GAP_PX), 12)
    for row, (name, images) in enumerate(rows.items()):
        top = LABEL_PX + row * (TILE_PX + GAP_PX)
        write(page, name, 2, top + TILE_PX // 2)
        for column, image in enumerate(images):
            if image is not None:
                left = MARGIN_PX + column * (TILE_PX + GAP_PX)
                page[top : top + TILE_PX, left : left + TILE_PX] = fit(image)
    options = [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY]
    if not cv2.imwrite(str(path), np.ascontiguousarray(page[..., ::-1]), options):
        raise OSError(f"{path} cannot be written")


def fit(image: np.ndarray) -> np.ndarray:
    """Resize an image to a tile. Crops are enlarged without smoothing, so that pixels stay visible."""
    shrinks = image.shape[0] > TILE_PX
    return cv2.resize(image, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST)


def write(page: np.ndarray, text: str, left: int, baseline: int) -> None:
    """Write text on a page; long names are split into two lines, at the hyphen or space nearest to the middle."""
    breaks = [place for place, letter in enumerate(text) if letter in " -"]
    split = min(breaks, key=lambda place: abs(place - len(text) // 2)) + 1 if len(text) > 14 and breaks else len(text)
    for line, part in enumerate((text[:split], text[split:])):
        place = (left, baseline + 13 * line)
        cv2.putText(page, part, place, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
