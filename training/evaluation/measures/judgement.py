"""Judges on test rooms what was fitted on validation rooms: energies, expected errors, merges, rankings of methods.

N frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np

from analysis.energy import Weighting
from analysis.expected_error import ExpectedError, is_unlike, model_of, predict
from analysis.stated.ranking import RESAMPLINGS, Ranking, interval_of_units, ranking
from analysis.statistics import pearson, risk_coverage, roc_auc, spearman
from consistency.zoo.rankings import CONFIDENCES, EXPECTED, MethodRanking, Ranked
from consistency.zoo.records import IMAGE, MAX_TRUST_SIGMA, MERGED, Expected, Saving, Trust, Zoo
from training.evaluation.measures.chains import Pair
from training.evaluation.measures.fits import (
    FITTED_ERROR,
    all_terms,
    expected_column,
    feature_names,
    features_from,
    frame_energies,
)
from training.evaluation.measures.observations import Observations, name_of, pairs_of

PERCENTILE = 97.5
PAPER: Weighting = "paper"
WEIGHTED: Weighting = "weighted"
ALL = "mean of the targets"


@dataclass(frozen=True)
class ToldError:
    """How well a confidence tells the error of a target and method, over frames of test rooms."""

    spearman: float
    pearson: float
    gain: float
    ause: float
    """Area between the sparsification curve and the oracle's, as a share of the mean error."""
    pixel_spearman: float
    """Spearman's ρ over drawn pixels; NaN for confidences of whole frames."""


@dataclass(frozen=True)
class Covered:
    """How often the true error lies in the interval of the expected one."""

    share: float
    low: float
    high: float
    """Ends of its 95 % interval over rooms."""
    unlike: float
    """Share of frames flagged as unlike the calibration, which have no interval and do not count."""
    share_with_flagged: float
    """The share if they had intervals, too."""


@dataclass(frozen=True)
class Change:
    """The error of `merged` against that of what it merges, in percent."""

    before: float
    after: float
    percent: float
    low: float
    high: float
    """Ends of the 95 % interval over rooms, in percent."""
    better_share: float
    """Share of frames with a lower error."""


@dataclass(frozen=True)
class Judgement:
    """Everything that was judged of a zoo."""

    zoo: Zoo
    n_frames: int
    """Test frames."""
    n_frames_merged: int
    """Test frames on which merging was measured: one per room."""
    told: Mapping[tuple[str, str, str], ToldError]
    """(target, method, confidence) -> against L1 for energies, against its own error for the expected one."""
    covered: Mapping[str, Mapping[Pair, Covered]]
    """Set of frames -> (target, method) -> coverage."""
    merged: Mapping[str, Mapping[tuple[str, str], Change]]
    """Set of frames -> (target, error) -> change."""
    rankings: Mapping[tuple[str, str, str, str], Ranking]
    """(target, a method, another, confidence) -> how often the lower has the lower error."""
    auc: Mapping[tuple[str, str, str], Mapping[str, float]]
    """(target or ALL, method, weighting) -> set of pictures -> ROC-AUC against test rooms."""
    trust: Mapping[Pair, Trust]
    problems: tuple[str, ...] = ()
    """What could not be fitted, and why."""

    @property
    def savings(self) -> dict[str, Saving]:
        """What merging changes, by target, in the error that is expected of it, as zoo.toml states it."""
        found = {}
        for (target, error), one in next(iter(self.merged.values())).items():
            if error == expected_column(target):
                percent, low, high = (round(value, 1) for value in (one.percent, one.low, one.high))
                origin = f"zoo {self.zoo.name}, version {self.zoo.version}"
                found[target] = Saving(error, percent, low, high, self.n_frames_merged, origin)
        return found

    @property
    def stated_rankings(self) -> list[MethodRanking]:
        """The rankings as zoo.toml states them, by target; those without a frame in which both methods differ are left out."""
        found: dict[tuple[str, str, str], dict[str, Ranked]] = {}
        for (target, a, b, confidence), one in self.rankings.items():
            if one.n_frames:
                share, low, high = (round(value, 3) for value in (one.share, one.low, one.high))
                ranked = Ranked(share, low, high, one.n_frames, one.n_units, one.same_mean)
                found.setdefault((target, a, b), {})[confidence] = ranked
        targets = list(dict.fromkeys(target for target, _, _ in found))
        return [
            MethodRanking(
                target=target,
                methods=(a, b),
                error=expected_column(target),
                by=by,
                shared_trunk=tuple(m for m in (a, b) if m != MERGED and shares_trunk(self.zoo, m)),
                origin=f"zoo {self.zoo.name}, version {self.zoo.version}",
            )
            for (target, a, b), by in sorted(found.items(), key=lambda item: targets.index(item[0][0]))
        ]


def told_errors(zoo: Zoo, test: Observations) -> dict[tuple[str, str, str], ToldError]:
    """How well each confidence tells the error."""
    found = {}
    for target, method in known_pairs(zoo, test):
        errors = test[name_of(FITTED_ERROR, target, method)]
        pixel_errors = test[name_of("pixel errors", target, method)].reshape(-1)
        for weighting in weightings(zoo, target):
            energies = frame_energies(zoo, target, method, test, weighting, "known terms")
            of_pixels = frame_energies(zoo, target, method, test, weighting, "pixels")
            found[target, method, weighting] = told(energies, errors, spearman(of_pixels, pixel_errors))
    for target, method in zoo.expected:
        name = name_of(expected_column(target), target, method)
        if name in test:
            expected, _ = expectations(zoo, target, method, test)
            found[target, method, EXPECTED] = told(expected, test[name], float("nan"))
    return found


def told(confidence: np.ndarray, errors: np.ndarray, pixel_spearman: float) -> ToldError:
    curve = risk_coverage(confidence, errors)
    return ToldError(
        spearman(confidence, errors),
        pearson(confidence, errors),
        curve.gain,
        (curve.area - curve.oracle_area) / curve.random,
        pixel_spearman,
    )


def expectations(zoo: Zoo, target: str, method: str, found: Observations) -> tuple[np.ndarray, np.ndarray]:
    """The expected error and the energy of each frame, both (N,)."""
    of = zoo.merges[target].of if method == MERGED else method
    features = features_from(zoo, target, of, feature_names(zoo, target, method, found), found)
    return predict(_model(zoo.expected[target, method]), features), frame_energies(zoo, target, of, found)


def coverage(zoo: Zoo, found: Observations) -> dict[Pair, Covered]:
    """How often the intervals hold."""
    shares = {}
    for (target, method), stated in zoo.expected.items():
        name = name_of(expected_column(target), target, method)
        if name not in found or stated.factor is None:
            continue
        model, errors = _model(stated), found[name]
        expected, energies = expectations(zoo, target, method, found)
        known = np.isfinite(errors) & np.isfinite(expected)
        inside = np.abs(np.log(errors / expected)) <= np.log(stated.factor)
        usual = known & ~is_unlike(model, energies)
        low, high = (
            interval_of_units(inside[usual].astype(float), found["unit"][usual]) if usual.any() else (np.nan,) * 2
        )
        shares[target, method] = Covered(
            share=float(inside[usual].mean()) if usual.any() else float("nan"),
            low=low,
            high=high,
            unlike=float(1 - usual[known].mean()),
            share_with_flagged=float(inside[known].mean()),
        )
    return shares


def changes(zoo: Zoo, found: Observations) -> dict[tuple[str, str], Change]:
    """The errors of `merged` against those of what it merges."""
    rows = {}
    for target, recipe in zoo.merges.items():
        for error in ("angle_degrees", "absrel", "absrel_scaled", FITTED_ERROR):
            before, after = (found.get(name_of(error, target, method)) for method in (recipe.of, MERGED))
            if before is None or after is None:
                continue
            known = np.isfinite(before) & np.isfinite(after)
            rows[target, error] = change(before[known], after[known], found["unit"][known])
    return rows


def change(before: np.ndarray, after: np.ndarray, units: np.ndarray) -> Change:
    """Compare errors (N,) of the same frames; the interval is a bootstrap over units."""
    _, group = np.unique(units, return_inverse=True)
    sums = [np.bincount(group, values) for values in (before, after)]
    drawn = np.random.default_rng(0).integers(0, len(sums[0]), (RESAMPLINGS, len(sums[0])))
    ratios = sums[1][drawn].sum(axis=1) / sums[0][drawn].sum(axis=1)
    low, high = (float(x) for x in 100 * (np.percentile(ratios, [2.5, 97.5]) - 1))
    means = float(before.mean()), float(after.mean())
    return Change(*means, 100 * (means[1] / means[0] - 1), low, high, float((after < before).mean()))


def rankings(zoo: Zoo, test: Observations) -> dict[tuple[str, str, str, str], Ranking]:
    """For each two methods of a target: how often the lower confidence has the lower error."""
    found = {}
    pairs = known_pairs(zoo, test)
    for target in dict.fromkeys(target for target, _ in pairs):
        methods = [method for other, method in pairs if other == target]
        for a, b in combinations(methods, 2):
            error = expected_column(target)
            errors = (test[name_of(error, target, a)], test[name_of(error, target, b)])
            for confidence in CONFIDENCES:
                if confidence == EXPECTED:
                    if not {(target, a), (target, b)} <= set(zoo.expected):
                        continue
                    values = tuple(expectations(zoo, target, method, test)[0] for method in (a, b))
                elif confidence not in weightings(zoo, target):
                    continue
                else:
                    values = tuple(
                        frame_energies(zoo, target, method, test, confidence, "known terms") for method in (a, b)
                    )
                found[target, a, b, confidence] = ranking((values[0], values[1]), errors, test["unit"])
    return found


def rankings_of_merged(zoo: Zoo, found: Observations) -> dict[tuple[str, str, str, str], Ranking]:
    """For each target: how often the lower expected error of `merged` and of what it merges has the lower error."""
    ranked = {}
    for target, recipe in zoo.merges.items():
        pairs = [(target, recipe.of), (target, MERGED)]
        names = [name_of(expected_column(target), *pair) for pair in pairs]
        if not set(pairs) <= set(zoo.expected) or not set(names) <= set(found):
            continue
        one, other = (expectations(zoo, *pair, found)[0] for pair in pairs)
        errors = found[names[0]], found[names[1]]
        ranked[target, recipe.of, MERGED, EXPECTED] = ranking((one, other), errors, found["unit"])
    return ranked


def shares_trunk(zoo: Zoo, method: str) -> bool:
    """Whether the method predicts several targets with one network: its paths then agree whatever it predicts."""
    edges = [zoo.edge(IMAGE, target, method) for target in zoo.targets(method)]
    return len({edge.network_digest for edge in edges}) < len(edges)


def outside(
    zoo: Zoo, test: Observations, pictures: Mapping[str, Observations]
) -> dict[tuple[str, str, str], dict[str, float]]:
    """ROC-AUC of the energies between test rooms and sets of pictures, over all pixels."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for weighting in (PAPER, WEIGHTED):
        for method in dict.fromkeys(method for _, method in known_pairs(zoo, test)):
            targets = [target for target, other in known_pairs(zoo, test) if other == method]
            if not all(weighting in weightings(zoo, target) for target in targets):
                continue
            inside = {target: frame_energies(zoo, target, method, test, weighting) for target in targets}
            for name, seen in pictures.items():
                if not all(name_of("terms", target, method) in seen for target in targets):
                    continue
                values = {target: frame_energies(zoo, target, method, seen, weighting) for target in targets}
                for target in targets:
                    auc = roc_auc(inside[target], values[target])
                    found.setdefault((target, method, weighting), {})[name] = auc
                means = [np.mean(list(energies.values()), axis=0) for energies in (inside, values)]
                found.setdefault((ALL, method, weighting), {})[name] = roc_auc(*means)
    return found


def trusts(
    zoo: Zoo,
    validation: Observations,
    test: Observations,
    told_by: Mapping[tuple[str, str, str], ToldError],
    auc: Mapping[tuple[str, str, str], Mapping[str, float]],
) -> dict[Pair, Trust]:
    """How far the energy that is shown can be trusted: the weighted one."""
    found = {}
    for target, method in known_pairs(zoo, test):
        weighting = WEIGHTED if zoo.energies[target].weights else PAPER
        seen = told_by[target, method, weighting]
        usual = frame_energies(zoo, target, method, validation, weighting)
        if not np.isfinite([seen.spearman, seen.pearson]).all():
            continue
        limit = round(float(np.percentile(usual, PERCENTILE)), 2)
        is_known = abs(limit) <= MAX_TRUST_SIGMA  # another method's terms may be far beyond the scale of `baseline`
        found[target, method] = Trust(
            spearman=round(seen.spearman, 2),
            pearson=round(seen.pearson, 2),
            n_frames=int(np.isfinite(test[name_of(FITTED_ERROR, target, method)]).sum()),
            percentile_97_5=limit if is_known else None,
            n_validation_frames=len(usual) if is_known else 0,
            auc={name: round(share, 2) for name, share in auc.get((target, method, weighting), {}).items()},
            origin=f"zoo {zoo.name}, version {zoo.version}",
        )
    return found


def weightings(zoo: Zoo, target: str) -> list[Weighting]:
    """The weightings that the target's energy has."""
    return [PAPER, WEIGHTED] if zoo.energies[target].weights else [PAPER]


def known_pairs(zoo: Zoo, found: Observations) -> list[Pair]:
    """Targets and methods with an energy, errors and every term of it."""
    pairs = [pair for pair in pairs_of(found) if pair[0] in zoo.energies]
    return [
        (target, method)
        for target, method in pairs
        if name_of(FITTED_ERROR, target, method) in found or name_of("pixels", target, method) in found
        if np.isfinite(all_terms(zoo, target, method, found, "terms")).any(axis=0).all()
    ]


def _model(stated: Expected) -> ExpectedError:
    model = model_of(asdict(stated))
    assert model is not None  # the zoo has checked it
    return model
