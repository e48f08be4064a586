"""Promises about files that are cut, damaged or hostile."""

from __future__ import annotations

from tests.torture import Promise

PROMISES: list[Promise] = []
