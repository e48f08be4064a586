"""The science: networks, zoos, path graphs and consistency energy, in plain torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from consistency.loss import ConsistencyLoss, PathConsistency, Terms

__all__ = ["ConsistencyLoss", "PathConsistency", "Terms"]


def __getattr__(name: str) -> Any:
    """The losses, loaded when asked for: `consistency.domains` must not load torch."""
    if name in __all__:
        from consistency import loss

        return getattr(loss, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
