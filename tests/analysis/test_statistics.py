"""Laws of the statistics that need no scipy: they give what scipy gives."""

import numpy as np
import pytest
from scipy import stats

from analysis.statistics import ranks, student_t_quantile


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [1.0, 1.0, 0.0, 1.0, 2.0, 0.0], [5.0], []])
def test_ranks_are_those_of_scipy_with_ties_sharing_theirs(values: list[float]) -> None:
    assert ranks(np.array(values)).tolist() == stats.rankdata(values).tolist()


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_quantiles_of_students_t_are_those_of_scipy(confidence: float) -> None:
    for degrees in (*range(1, 31), 100, 999):
        expected = stats.t.ppf((1 + confidence) / 2, degrees)
        assert student_t_quantile(confidence, degrees) == pytest.approx(expected, rel=1e-10)
