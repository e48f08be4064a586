"""Builds furnished rooms, one file per part of a room; `room.py` assembles them.

World: metres, y up, floor at y = 0. Every part is drawn from a seeded generator, so equal seeds give equal rooms.
"""

from __future__ import annotations
