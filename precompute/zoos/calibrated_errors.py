"""Fits the error to expect of a frame where the clips of a calibration have ground truth."""

# N frames, P paths

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from analysis.expected_error import LENGTH, cross_fitted, least_units
from analysis.weights import NotFitted, Terms
from consistency.domains import Domain
from consistency.metrics import frame_errors

DIGITS = 6
STRICTER = 0.95
"""Another coverage whose number of clips is named to people."""


@dataclass
class Frames:
    """What was measured of one target, batch by batch."""

    errors: list[np.ndarray] = field(default_factory=list)
    """As `errors_of` gives them, (N, 2)."""
    lengths: list[np.ndarray] = field(default_factory=list)
    """The shortening of the method's normals, (N,)."""
    clips: list[np.ndarray] = field(default_factory=list)
    """The number of the clip, (N,)."""

    def add(
        self, clip: int, domain: Domain, predicted: torch.Tensor, truth: torch.Tensor | None, lengths: np.ndarray
    ) -> None:
        """One batch: codes (N, C, H, W), and the shortening of the normals (N,), empty if the method predicts none."""
        self.errors.append(errors_of(domain, predicted, truth))
        self.lengths.append(lengths)
        self.clips.append(np.full(len(predicted), clip))


def expected_column(domain: Domain) -> str:
    """The error that is expected of a domain. For depth that of the shape: no path sees the scale."""
    if domain.meaning == "direction":
        return "angle_degrees"
    return "absrel_scaled" if domain.scale == "log" else "error"


def errors_of(domain: Domain, predicted: torch.Tensor, truth: torch.Tensor | None) -> np.ndarray:
    """Mean absolute error of each frame in codes, and the error that is expected: (N, 2); NaN without ground truth."""
    if truth is None:
        return np.full((len(predicted), 2), np.nan)
    found = frame_errors(domain, predicted, truth)
    return np.column_stack([found[name].numpy() for name in ("error", expected_column(domain))])


def fitted_error(
    target: str,
    domain: Domain,
    frames: Frames,
    terms: Mapping[str, Terms],
    row: Mapping[str, Any],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """The expected error of a target as zoo.lock states it; empty where it cannot be fitted, which `say` reports.

    `terms`: by target; `row`: the constants of the target's energy, with weights if there are any.
    """
    errors, lengths, clips = (np.concatenate(parts) for parts in (frames.errors, frames.lengths, frames.clips))
    known = np.isfinite(errors).all(axis=1)
    if not known.any():
        return {}  # its weights say so already
    own = terms[target]
    names, columns = list(own.paths), [own.values]
    if len(lengths) == len(errors):
        names, columns = [*names, LENGTH], [*columns, lengths[:, None]]
    features = np.concatenate(columns, axis=1)
    try:
        found = cross_fitted(
            expected_column(domain),
            names,
            features[known],
            errors[known, 1],
            clips[known],
            energies=_energies(target, terms, row)[known],
        )
    except NotFitted as error:
        say(
            f"expected error of {target}: none, {error}; clips count, as frames of one repeat each other: "
            f"{least_units()} for 90 %, {least_units(STRICTER)} for 95 %"
        )
        return {}
    stated = {
        name: round(value, DIGITS) if isinstance(value, float) else value
        for name, value in asdict(found).items()
        if value is not None
    }
    stated["coefficients"] = [round(value, DIGITS) for value in found.coefficients]
    stated["origin"] = str(row["origin"])
    say(
        f"expected error of {target}: within a factor of {found.factor:.2f} in {found.coverage:.0%} of new clips like these, "
        f"measured on {found.n_units} clips"
    )
    return stated


def _energies(target: str, terms: Mapping[str, Terms], row: Mapping[str, Any]) -> np.ndarray:
    """The energy of each frame with those constants, (N,) sigma."""
    own = terms[target]
    weights: Sequence[float] = row.get("weights") or [1 / len(own.paths)] * len(own.paths)
    used = [(own, i) for i in range(len(own.paths))]
    used += [
        (one, one.paths.index(path)) for path in row.get("borrowed", ()) for one in terms.values() if path in one.paths
    ]
    parts = [
        weight * (one.values[:, i] - one.mu[i]) / one.sigma[i] for weight, (one, i) in zip(weights, used, strict=True)
    ]
    return np.sum(parts, axis=0)
