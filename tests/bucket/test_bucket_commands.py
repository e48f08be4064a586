"""Commands and the page's routes on a store in a bucket."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from typer.testing import CliRunner, Result

from cache.backends.bucket_store import BucketStore
from cache.maintenance import verify
from cache.store import Store
from dashboard.server.routes import player_routes
from precompute.cli.app import app
from precompute.cli.doctor import examine
from tests.bucket.conftest import KEY, SECRET
from tests.fixtures.stores import build_store

for _package in ("moto.server", "boto3", "obstore"):
    pytest.importorskip(_package, reason="needs requirements/bucket-tests.txt: make test-bucket")

ROOT = Path(__file__).parents[2]


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def local(tmp_path: Path) -> Store:
    return build_store(tmp_path / "local", n_frames=4, frames_per_pack=2, methods=("baseline",))


def packs(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.root.glob("tracks/*/*.pack")}


def test_a_store_goes_to_a_bucket_and_back_bit_by_bit(local, address, tmp_path):
    n = len(local.tracks())
    for new, known in ((n, 0), (0, n)):
        result = call("export", "*", "--to", address, "--store", local.root)
        assert result.exit_code == 0 and f"{new} tracks stored, {known} already there, 0 refused" in result.output
    assert "Counting frames" in call("list", "--store", address).output
    assert (
        call("list", "--json", "--all", "--store", address).output
        == call("list", "--json", "--all", "--store", local.root).output
    )
    back = tmp_path / "back"
    assert f"{n} tracks stored" in call("import", address, "--store", back).output
    assert packs(Store(back)) == packs(local) and Store(back).tracks() == local.tracks()
    assert f"{address}: {2 * n} checked, 0 damaged" in call("verify", "--store", address).output
    assert call("verify", "--fix", "--store", address).exit_code == 0
    assert f"{address}: 0 removed" in call("gc", "--older-than", 0, "--store", address).output
    assert "MB freed" in call("remove", "*", "--yes", "--store", address).output
    left = BucketStore(address)
    assert left.tracks() == [] and not list(left.bucket.list("packs"))


def test_what_the_overview_says_reaches_another_machine_without_its_packs(local, address, other_machine):
    call("export", "*", "--to", address, "--store", local.root)
    shown = other_machine()
    assert set(shown.summary_rows()) == {track.head.key for track in local.tracks()}
    assert shown.copies.n_bytes() == 0


def test_doctor_names_what_a_bucket_keeps_and_what_is_wrong_with_it(local, address, monkeypatch):
    call("export", "*", "--to", address, "--store", local.root)
    findings = {finding.name: finding for finding in examine(address)}
    assert all(findings[name].state == "ok" for name in ("store", "conditions", "locks", "tracks", "copies"))
    with BucketStore(address).writing("a" * 64):
        held = {finding.name: finding for finding in examine(address)}
    assert "a" * 12 in held["locks"].found
    monkeypatch.setattr("cache.backends.objects.Bucket.put_new", lambda self, name, data: self.put(name, data))
    ignoring = {finding.name: finding for finding in examine(address)}
    assert ignoring["conditions"].state == "problem"


def test_no_output_file_or_object_holds_a_key(local, address, tmp_path):
    said = [
        call("export", "*", "--to", address, "--store", local.root).output,
        call("doctor", "--store", address).output,
        call("list", "--store", address).output,
    ]
    store = BucketStore(address)
    objects = [
        found.data
        for folder in ("manifests", "growing", "index", "leases", "quarantine")
        for entry in store.bucket.list(folder)
        if (found := store.bucket.get(entry.name))
    ]
    files = [path.read_bytes() for path in (tmp_path / "copies").rglob("*") if path.is_file()]
    for text in [*(line.encode() for line in said), *objects, *files]:
        assert KEY.encode() not in text and SECRET.encode() not in text


def test_the_page_serves_ranges_of_packs_and_refuses_a_damaged_one(local, address, other_machine):
    call("export", "*", "--to", address, "--store", local.root)
    track = next(track for track in local.tracks() if track.head.kind == "prediction")
    whole = local.pack_path(track.head.key, track.packs[0].sha256).read_bytes()
    name = f"{track.head.key}-{track.packs[0].sha256}.pack"
    client = TestClient(Starlette(routes=list(player_routes(other_machine()))))
    answer = client.get(f"/packs/{name}", headers={"Range": "bytes=10-29"})
    assert answer.status_code == 206 and answer.content == whole[10:30]
    assert client.get(f"/packs/{name}").content == whole
    assert client.get(f"/frames/{track.head.key}-3").content == local.image(track, 3)
    BucketStore(address).bucket.put(f"packs/{track.head.key}/{track.packs[0].sha256}.pack", whole[:-1] + b"x")
    client = TestClient(Starlette(routes=list(player_routes(other_machine()))))
    refused = client.get(f"/packs/{name}", headers={"Range": "bytes=10-29"})
    assert refused.status_code == 410 and "damaged" in refused.text


JOB = """
    import os, signal, sys
    sys.path.insert(0, {root!r})
    from cache.backends.bucket_store import BucketStore
    from cache.backends.objects import Bucket
    from cache.backends.address import place_of
    from reliability.writer import write
    left = int(sys.argv[2])

    def counted(name):
        call = getattr(Bucket, name)
        def do(self, *words):
            global left
            if not (isinstance(words[0], str) and words[0].startswith(("leases", "clock"))):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(self, *words)
        setattr(Bucket, name, do)

    for name in ("put", "put_new", "replace", "delete"):
        counted(name)
    write(BucketStore(place_of(sys.argv[1]), lease_seconds=2), 5, lambda line: print(line, end="", flush=True))
"""


@pytest.mark.parametrize("n_writes", [3, 9, 22, 38, 39, 42])
def test_a_job_killed_between_any_two_writes_is_resumed_and_shows_nothing_wrong(address, other_machine, n_writes):
    """1 is the marker; 2 to 7 begin three tracks; 8 to 37 are their packs and lists, five times; then each track gets its manifest,
    loses its list and what nothing names: 38 is the first manifest, 39 comes after it."""
    from reliability.writer import CHUNK, N_FRAMES, heads, is_right

    code = textwrap.dedent(JOB.format(root=str(ROOT)))
    run = [sys.executable, "-c", code, str(address)]
    killed = subprocess.run([*run, str(n_writes)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    shown = other_machine()
    assert all(is_right(shown, track) for track in shown.tracks())
    assert not [problem for problem in verify(shown) if problem]
    again = subprocess.run([*run, "0"], cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ)
    assert again.returncode == 0, again.stderr
    both = [int(line) for line in [*killed.stdout.split(), *again.stdout.split()]]
    assert set(both) == set(range(0, N_FRAMES, CHUNK)) and len(both) <= N_FRAMES // CHUNK + 1
    done = other_machine()
    assert all(done.holds(head.key) for head in heads(5)) and all(is_right(done, track) for track in done.tracks())
    third = subprocess.run([*run, "0"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert third.returncode == 0 and third.stdout == ""
