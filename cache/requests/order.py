"""The order in which workers take what waits: stills before videos, visitors in turn, the oldest first."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from cache.requests.records import Request


def in_turn(requests: Iterable[Request]) -> list[Request]:
    """The waiting requests in the order in which they will be done, if no other is made.

    The next turn is that of the visitor whose last one is the longest ago: a visitor with a hundred requests delays another
    by one. Within the same turn, the older request is first. Clocks decide only that, never whether a request is done.
    """
    requests = list(requests)
    last_turn: dict[str, float] = {}
    for request in requests:
        who, ended = request.asked.who, request.ended
        if ended is not None:
            last_turn[who] = max(last_turn.get(who, 0.0), ended.began)
        elif request.state == "running":
            last_turn[who] = float("inf")
    waiting = sorted(
        (request for request in requests if request.state == "waiting"),
        key=lambda request: (request.asked.when, request.id),
    )
    turn = 0
    turns = {who: (1, when) if when < float("inf") else (2, 0.0) for who, when in last_turn.items()}
    ordered: list[Request] = []
    for is_still in (True, False):
        lines: dict[str, deque[Request]] = {}
        for request in waiting:
            if request.asked.options.is_still == is_still:
                lines.setdefault(request.asked.who, deque()).append(request)
        heap = [(turns.get(who, (0, 0.0)), line[0].asked.when, line[0].id, who) for who, line in lines.items()]
        heapq.heapify(heap)
        while heap:
            *_, who = heapq.heappop(heap)
            ordered.append(lines[who].popleft())
            turn += 1
            turns[who] = (3, float(turn))
            if line := lines[who]:
                heapq.heappush(heap, (turns[who], line[0].asked.when, line[0].id, who))
    return ordered
