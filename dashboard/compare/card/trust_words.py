"""How far an energy can be believed, in words that every page uses."""

from __future__ import annotations

from analysis.stated.trust import Trust
from dashboard.numbers import size_of

UNUSUAL_SHARE = 0.5
"""A clip counts as outside the calibration if more frames than this are: of ordinary clips, 2.5 % are."""


def follows(rho: float, what: str = "energy") -> str:
    """What a correlation of energy, or of another confidence, and error says: `energy follows the error weakly`."""
    if rho <= -0.2:
        return f"{what} falls where the error rises"
    if size_of(rho) == "hardly":
        return f"{what} hardly follows the error"
    return f"{what} follows the error {size_of(rho)}"


def told_apart(trust: Trust) -> str:
    """`pictures unlike rooms stand out with AUC 0.67 to 0.80`: 0.5 is chance, 1 is always."""
    shares = sorted(f"{share:.2f}" for share in trust.auc.values())
    listed = shares[0] if shares[0] == shares[-1] else f"{shares[0]} to {shares[-1]}"
    if min(trust.auc.values()) > 0.5:
        stand_out = "stand out with AUC"
    elif max(trust.auc.values()) > 0.5:
        stand_out = "stand out only in part: AUC"
    else:
        stand_out = "do not stand out: AUC"
    return f"pictures unlike rooms {stand_out} {listed} (0.5: chance)"
