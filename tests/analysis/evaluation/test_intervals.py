"""Laws of statistics with intervals: equal to scipy's, within their bounds, unmoved by monotone maps, honest about few units."""

# N frames

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.evaluation.areas import areas
from analysis.evaluation.correlation import correlations, weighted_pearson
from analysis.evaluation.reliability import reliability, wilson
from analysis.evaluation.resampling import LEAST_CLIPS, MOST_BINS, Estimate, bins_of, units_of, weights
from analysis.evaluation.roc import roc
from analysis.evaluation.sparsification import sparsification


def series(n_frames: int, likeness: float = 0.9, seed: int = 0) -> np.ndarray:
    """Neighbours are that alike; spread about 1, (N,)."""
    noise = np.random.default_rng(seed).standard_normal(n_frames + 100)
    found = [0.0]
    for one in noise:
        found.append(likeness * found[-1] + np.sqrt(1 - likeness**2) * one)
    return np.array(found[len(found) - n_frames :])


def pair(n_frames: int = 300, share: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Two series whose correlation is about `share`."""
    a = series(n_frames, seed=1)
    return a, share * a + np.sqrt(1 - share**2) * series(n_frames, seed=2)


def ends(found: Estimate) -> tuple[float, float]:
    return found.low, found.high


def width(found: Estimate) -> float:
    return found.high - found.low


def test_r_and_rho_are_scipy_s_and_lie_in_their_intervals():
    a, b = pair()
    b[7] = np.nan
    known = np.isfinite(b)
    for lengths in ([300], [100, 200], [50] * 6):
        r, rho = correlations(a, b, lengths)
        assert r.value == pytest.approx(stats.pearsonr(a[known], b[known])[0], abs=1e-12)
        assert rho.value == pytest.approx(stats.spearmanr(a[known], b[known])[0], abs=1e-12)
        assert all(-1 <= one.low < one.value < one.high <= 1 for one in (r, rho))
        assert r.n_frames == 299 and r.n_clips == len(lengths)


def test_the_roc_curve_and_its_area_are_scikit_learn_s():
    inside = np.array([0.1, 0.4, 0.35, 0.8, 0.4, -0.2, 0.0, 0.6])
    outside = np.array([0.4, 0.9, 0.8, 1.2, 0.05, 0.6])
    found = roc(inside, [8], outside, [6])
    # roc_curve(..., drop_intermediate=False) and roc_auc_score of scikit-learn 1.9.1, which the tests do without.
    assert found.false_positive * 8 == pytest.approx([0, 0, 0, 1, 2, 4, 5, 6, 6, 7, 8])
    assert found.true_positive * 6 == pytest.approx([0, 1, 2, 3, 4, 5, 5, 5, 6, 6, 6])
    assert found.auc.value == pytest.approx(0.7708333333333334, abs=1e-15)
    assert found.auc.value == pytest.approx(np.trapezoid(found.true_positive, found.false_positive), abs=1e-15)


def test_clips_are_resampled_where_there_are_enough_and_blocks_of_their_frames_where_not():
    a, b = pair()
    kinds = [correlations(a, b, [300 // n] * n)[0].kind for n in (1, LEAST_CLIPS - 1, LEAST_CLIPS)]
    assert kinds == ["blocks", "blocks", "clips"]


def test_equal_weights_give_the_statistics_themselves():
    a, b = pair()
    for lengths in ([300], [50] * 6):
        units = units_of(lengths, a, b)
        some = np.ones((2, units.n_rows))
        assert weighted_pearson(a, b, units, some) == pytest.approx([stats.pearsonr(a, b)[0]] * 2)
        counts = units.sums_by_bin(some, bins_of(np.round(a)))
        assert counts.tolist() == [np.unique(np.round(a), return_counts=True)[1].tolist()] * 2


def test_a_long_order_is_cut_into_bins_that_keep_it():
    values = np.random.default_rng(0).permutation(5000) / 7
    bins = bins_of(values)
    assert np.array_equal(np.unique(bins), np.arange(MOST_BINS)) and (np.diff(bins[np.argsort(values)]) >= 0).all()


def test_every_resample_has_about_as_many_frames_and_clips_are_drawn_as_a_whole():
    for lengths in ([120], [10, 50, 60], [20] * 6):
        units = units_of(lengths, series(120))
        (some,) = next(weights(units))
        n_frames = units.sums(some, np.ones((120, 1)))
        assert some.min() >= 0 and (np.abs(n_frames - 120) <= 60).all()
    assert some.shape[1] == 6 and (some.sum(axis=1) == 6).all()


def test_frames_that_repeat_each_other_do_not_narrow_the_interval():
    a, b = pair()
    once = correlations(a, b, [300])[0]
    four_times = correlations(np.repeat(a, 4), np.repeat(b, 4), [1200])[0]
    assert four_times.value == pytest.approx(once.value) and width(four_times) > 0.8 * width(once)


def test_the_interval_of_a_correlation_holds_the_true_one_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    n_held, n_trials = 0, 60
    for _ in range(n_trials):  # eight clips that differ from each other more than their frames do
        of_clips = generator.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=8)
        a, b = (np.repeat(one, 10) for one in of_clips.T)
        r, _ = correlations(a, b, [10] * 8)
        n_held += r.low <= 0.6 <= r.high
    assert 0.85 * n_trials <= n_held <= n_trials


def test_rho_and_auc_and_ause_do_not_move_under_monotone_maps_of_the_energy():
    a, b = pair()
    error, lengths = np.exp(b), [50] * 6
    mapped = np.exp(3 * a)
    assert correlations(mapped, error, lengths)[1] == correlations(a, error, lengths)[1]
    assert roc(mapped[:150], [30] * 5, mapped[150:], [30] * 5).auc == roc(a[:150], [30] * 5, a[150:], [30] * 5).auc
    assert areas(mapped, error, lengths).ause == areas(a, error, lengths).ause


def test_the_auc_is_the_share_of_pairs_and_the_area_under_the_curve_with_ties_counted_half():
    inside = np.array([0.0, 1.0, 1.0, 2.0, np.nan])
    outside = np.array([1.0, 2.0, 3.0])
    found = roc(inside, [2, 3], outside, [3])
    wins = stats.mannwhitneyu(outside, inside[:4]).statistic
    assert found.auc.value == pytest.approx(wins / 12)
    assert np.trapezoid(found.true_positive, found.false_positive) == pytest.approx(wins / 12)
    assert found.false_positive[[0, -1]].tolist() == found.true_positive[[0, -1]].tolist() == [0, 1]


def test_the_auc_of_exchanged_groups_is_the_rest_to_one():
    a, b = pair()
    lengths = [60] * 5
    one, other = roc(a, lengths, b + 0.5, lengths).auc, roc(b + 0.5, lengths, a, lengths).auc
    assert one.value == pytest.approx(1 - other.value)
    assert 0 <= one.low < one.value < one.high <= 1
    assert ends(one) == pytest.approx((1 - other.high, 1 - other.low), abs=0.03)  # drawn at random, in another order


def test_groups_that_do_not_overlap_have_an_auc_without_an_interval():
    found = roc(series(60), [60], series(60) + 100, [60]).auc
    assert found.value == 1 and not found.has_interval


@pytest.mark.parametrize("lengths", [[], [0]])
def test_an_empty_group_has_no_curve(lengths: list[int]):
    found = roc(np.zeros(0), lengths, series(60), [60])
    assert np.isnan(found.auc.value) and not found.auc.has_interval and len(found.false_positive) == 0


def test_ause_is_that_of_sparsification_and_the_resampled_ones_lie_around_it():
    a, b = pair()
    error = np.exp(b)
    found = areas(a, error, [300])
    assert found.ause.value == sparsification(a, error).ause and found.aurg.value == sparsification(a, error).aurg
    assert found.ause.low < found.ause.value < found.ause.high and found.aurg.low > 0
    kept = np.sort(a)[:240]
    assert found.risk_at_stated_coverage == pytest.approx(error[a <= kept[-1]].mean())


def test_a_perfect_order_has_no_area_to_the_oracle_in_any_resample():
    error = np.exp(series(100))
    found = areas(error, error, [100])
    assert found.ause.value == 0 and not found.ause.has_interval  # nothing varies: an interval would say too much


@pytest.mark.parametrize("energy", [np.ones(40), np.full(40, np.nan), np.zeros(0)])
def test_energies_without_an_order_have_neither_correlation_nor_interval(energy: np.ndarray):
    error = series(len(energy), seed=3)
    r, rho = correlations(energy, error, [len(energy)])
    assert np.isnan([r.value, rho.value]).all() and not r.has_interval and not rho.has_interval
    assert not areas(energy, np.exp(error), [len(energy)]).ause.has_interval


def test_copies_of_one_clip_give_no_interval_rather_than_one_of_no_width():
    a, b = (np.tile(one, 8) for one in pair(30))
    r, rho = correlations(a, b, [30] * 8)
    assert np.isfinite(r.value) and not r.has_interval and not rho.has_interval
    assert not areas(a, np.exp(b), [30] * 8).ause.has_interval


def test_one_frame_of_each_of_a_few_clips_is_too_little_for_an_interval():
    r, _ = correlations(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0]), [1, 1, 1])
    assert np.isfinite(r.value) and not r.has_interval and r.n_units == 0


# Said and found coverage


def test_errors_as_the_model_says_are_covered_as_often_as_it_says():
    spread = stats.norm.ppf(np.linspace(0.001, 0.999, 500))  # logarithms of errors over expected ones
    factor = float(np.exp(stats.norm.ppf(0.95)))
    found = reliability(np.ones(500), np.exp(spread), np.zeros(500, bool), [100] * 5, factor, 0.9)
    assert [level.share for level in found.levels] == pytest.approx([level.stated for level in found.levels], abs=0.01)
    assert found.stated.stated == 0.9 and sum(level.is_measured for level in found.levels) == 1
    assert all(0 <= level.low <= level.share <= level.high <= 1 for level in found.levels)


def test_frames_unlike_the_calibration_are_counted_and_left_out():
    unlike = np.arange(60) % 3 == 0
    error = np.where(unlike, 1e6, 1.0)
    error[1] = np.nan
    found = reliability(np.ones(60), error, unlike, [60], 1.5, 0.9)
    assert (found.n_frames, found.n_unlike, found.stated.share) == (39, 20, 1.0)


def test_a_coverage_of_frames_that_repeat_each_other_is_as_sure_as_its_blocks_are_many():
    off = np.exp(series(300))
    once = reliability(np.ones(300), off, np.zeros(300, bool), [300], 1.5, 0.9)
    again = reliability(np.ones(1200), np.repeat(off, 4), np.zeros(1200, bool), [1200], 1.5, 0.9)
    assert again.units.n <= 1.5 * once.units.n
    nothing = reliability(np.ones(0), np.ones(0), np.zeros(0, bool), [], 1.5, 0.9)
    assert np.isnan(nothing.stated.share) and np.isnan(nothing.stated.low)


def test_wilson_s_interval_is_scipy_s():
    for hits, n in ((0, 5), (3, 8), (40, 41)):
        other = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert wilson(hits / n, n) == pytest.approx((other.low, other.high), abs=1e-4)
