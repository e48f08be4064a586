"""/healthz of the page: what probes are told of the store, the queue and the workers, and what they are not."""

from __future__ import annotations

import errno
import json
import time
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cache.requests.queue import Requests, new_worker
from cache.requests.records import Asked, Options, Source
from cache.store import Store
from dashboard.server import health as dashboard_health
from dashboard.server.routes import player_routes
from tests.fixtures.stores import build_store


def health(store: Store) -> tuple[int, dict, str]:
    answer = TestClient(Starlette(routes=player_routes(store))).get("/healthz")
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json(), answer.text


def test_a_store_without_clips_is_well_and_a_folder_that_is_not_there_is_not(tmp_path: Path):
    status, row, _ = health(Store(tmp_path, read_only=True))
    assert status == 200 and row["status"] == "ok" and row["workers"] == []
    assert row["requests"] == {"waiting": 0, "running": 0}
    status, row, text = health(Store(tmp_path / "none", read_only=True))
    assert status == 503 and row["status"] == "store unreadable" and str(tmp_path) not in text


def test_the_queue_and_what_workers_say_of_themselves_are_told_without_names(tmp_path: Path):
    store = build_store(tmp_path / "store", titles=("My secret clip",), n_frames=2)
    requests = Requests(store.root)
    for who in ("ann", "bob"):
        requests.ask(Asked(Source("address", "https://example.org/secret"), Options("mini"), who, time.time()))
    requests.claim(requests.all()[0].id, new_worker())
    requests.announce(new_worker(), {"device": "cpu", "doing": requests.all()[0].id, "is_draining": False})
    requests.announce(new_worker(), {"device": "cuda", "doing": "", "is_draining": True})
    requests.announce(new_worker(), {"device": "<b>secret</b>", "doing": ""})
    status, row, text = health(store)
    assert status == 200 and row["requests"] == {"waiting": 1, "running": 1}
    assert sorted((one["device"], one["state"]) for one in row["workers"]) == [
        ("cpu", "idle"),
        ("cpu", "working"),
        ("cuda", "draining"),
    ]
    assert all(0 <= one["silent_seconds"] < 60 for one in row["workers"])
    assert "secret" not in text and "ann" not in text and str(tmp_path) not in text


def test_a_store_that_cannot_be_read_is_not_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(self: Store, key: str) -> None:
        raise OSError(errno.EIO, "Input/output error", str(tmp_path))

    monkeypatch.setattr(Store, "get", fail)
    status, row, text = health(Store(tmp_path, read_only=True))
    assert status == 503 and row["status"] == "store unreadable" and str(tmp_path) not in json.dumps(text)


def test_probes_in_a_row_read_the_store_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    reads: list[str] = []
    monkeypatch.setattr(Store, "get", lambda self, key: reads.append(key))
    client = TestClient(Starlette(routes=player_routes(Store(tmp_path, read_only=True))))
    monkeypatch.setattr(dashboard_health, "KEPT_SECONDS", 3600.0)
    assert [client.get("/healthz").status_code for _ in range(3)] == [200] * 3 and len(reads) == 1
    monkeypatch.setattr(dashboard_health, "KEPT_SECONDS", 0.0)
    assert client.get("/healthz").status_code == 200 and len(reads) == 2


@pytest.mark.parametrize("when", ["-1e999", "1e999", "NaN"])
def test_a_worker_that_states_no_possible_time_has_unknown_silence(tmp_path: Path, when: str):
    store = Store(tmp_path)
    requests = Requests(store.root)
    requests.announce(new_worker(), {"device": "cpu", "doing": ""})
    (told,) = [path for path in tmp_path.rglob("*") if path.is_file() and b'"device"' in path.read_bytes()]
    row = json.loads(told.read_text())
    text = told.read_text().replace(json.dumps(row["when"]), when)
    assert when in text
    told.write_text(text)
    status, found, _ = health(store)
    assert status == 200 and all(one["silent_seconds"] is None for one in found["workers"])
