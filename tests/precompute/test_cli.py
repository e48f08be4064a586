"""The commands that look after the store, as a user calls them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner, Result

from analysis.summaries.briefs import row_name
from cache.clips.lines import LINES_VERSION
from cache.maintenance import MIN_ORPHAN_AGE_SECONDS
from cache.records import track_to_json
from cache.store import Store
from cache.version import VERSION
from precompute.cli import doctor
from precompute.cli.app import REQUEST_COMMANDS, STORE_COMMANDS, ZOO_COMMANDS, app
from tests.fixtures.stores import build_store


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two clips, each with input, truth, and of two methods a prediction, a readout and an energy."""
    return build_store(tmp_path / "store", titles=["One", "Two"], n_frames=4, frames_per_pack=2)


def titles(root: Path) -> dict[str, set[str]]:
    """Clip -> the configurations in that store."""
    found: dict[str, set[str]] = {}
    for track in Store(root, read_only=True).tracks():
        found.setdefault(track.head.clip.title, set()).add(f"{track.head.kind} {track.head.configuration}")
    return found


@pytest.mark.parametrize("place", ["some.tar", "folder"])
def test_chosen_tracks_go_with_the_input_and_truth_of_their_clips(store, tmp_path, place):
    to, other = tmp_path / place, tmp_path / "other"
    result = call("export", "mini/baseline/rgb-normal", "--clip", "O*", "--to", to, "--store", store.root)
    assert result.exit_code == 0 and "5 tracks stored" in result.stdout, result.output
    again = call("export", "mini/baseline/rgb-normal", "--clip", "O*", "--to", to, "--store", store.root)
    assert again.exit_code == 0
    for new, known in ((5, 0), (0, 5)):
        result = call("import", to, "--store", other)
        assert result.exit_code == 0 and f"{new} tracks stored, {known} already there" in result.stdout, result.output
    expected = {"input rgb", "truth normal", "truth reshading"}
    expected |= {"prediction mini/baseline/rgb-normal", "energy mini/baseline/rgb-normal"}
    assert titles(other) == {"One": expected}
    assert call("verify", "--store", other).exit_code == 0


def test_tracks_that_grow_are_left_out_and_counted(tmp_path):
    build_store(tmp_path / "store", n_frames=4, frames_per_pack=2, ready_frames=2)
    result = call("export", "*", "--to", tmp_path / "all.tar", "--store", tmp_path / "store")
    assert result.exit_code == 0 and "6 unfinished tracks" in result.stderr
    assert call("import", tmp_path / "all.tar", "--store", tmp_path / "other").exit_code == 0
    assert titles(tmp_path / "other") == {"Counting frames": {"input rgb", "truth normal", "truth reshading"}}


def test_a_file_that_is_no_export_is_refused_in_one_line(tmp_path):
    for data in (b"", b"no tar file" * 999, os.urandom(2048)):
        (tmp_path / "bad.tar").write_bytes(data)
        result = call("import", tmp_path / "bad.tar", "--store", tmp_path / "store")
        (line,) = [line for line in result.stderr.splitlines() if line]
        assert result.exit_code == 1 and "bad.tar" in line and "precompute export" in line


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["export", "*", "--to", "x.tar.gz"], "FILE.tar or a folder"),
        (["export", "no/such/track", "--to", "x.tar"], "no track matches"),
        (["import", "nothing.tar"], "neither a file nor a folder"),
        (["import", "empty"], "is not a Crosscheck store"),
        *(
            ([*words, "--store", "empty"], "empty is not a Crosscheck store (no tracks/ in it)")
            for words in (
                ["list"],
                ["list", "--json"],
                ["verify"],
                ["doctor"],
                ["gc"],
                ["remove", "*"],
                ["export", "*", "--to", "x.tar"],
            )
        ),
        (["list", "--clip", "Three"], "no clip matches 'Three'"),
        (["run", "phone", "--crop", "middle"], "'middle' is not one of centre, none"),
        (["run", "phone", "--device", "gpu"], "'gpu' is not one of auto, cpu, cuda"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what_is_allowed(store, tmp_path, monkeypatch, words, expected):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROSSCHECK_STORE", str(store.root))
    (tmp_path / "empty").mkdir()
    result = call(*words)
    assert result.exit_code == 2 and expected in result.stderr
    assert not (tmp_path / "x.tar").exists()


def test_a_store_without_tracks_is_no_error(tmp_path):
    (tmp_path / "tracks").mkdir()
    for words in (["list"], ["verify"], ["gc"], ["doctor"]):
        assert call(*words, "--store", tmp_path).exit_code == 0, words
    assert "holds no tracks" in call("list", "--store", tmp_path).stdout


def test_list_gives_each_clip_a_line_and_each_track_one_if_asked(store):
    lines = call("list", "--store", store.root).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["clip", "One", "Two"]
    assert lines[1].split()[2] == "4" and lines[1].split()[-2:] == ["4", "mini"], "4 frames, 4 configurations"
    tracks = call("list", "--tracks", "--clip", "one", "--store", store.root).stdout
    assert "Two" not in tracks and tracks.count("mini/") == 6
    rows = json.loads(call("list", "--json", "--clip", "T*", "--store", store.root).stdout)
    assert {row["title"] for row in rows} == {"Two"} and len(rows) == 6
    assert len(json.loads(call("list", "--json", "--all", "--store", store.root).stdout)) == 18


def test_list_says_how_far_a_clip_is_and_shows_a_long_title_whole(tmp_path):
    build_store(tmp_path, titles=["word " * 60], n_frames=4, frames_per_pack=2, ready_frames=2)
    shown = call("list", "--store", tmp_path).stdout
    assert "2 of 4" in shown and shown.count("word") == 60


def test_a_clip_is_named_by_a_glob_or_by_the_first_letters_of_its_title_or_key(tmp_path):
    store = build_store(tmp_path / "store", titles=["Phone clip of a room", "Telephone"], n_frames=2)
    clip = next(track.head.clip for track in store.tracks() if track.head.clip.title == "Telephone")
    for wanted, expected in (("phone", 1), ("*phone*", 2), ("*", 2), ("TELE", 1), (clip.key[:12], 1)):
        result = call("list", "--json", "--clip", wanted, "--store", store.root)
        assert len({row["clip"] for row in json.loads(result.stdout)}) == expected, wanted


def test_the_examples_of_remove_work_on_the_bundled_clips(tmp_path):
    examples = re.findall(r"precompute (remove .*)", call("remove", "--help").stdout)
    assert len(examples) == 2
    for example in examples:
        titles = ["Phone clip of a room", "Walk through two rooms"]
        store = build_store(tmp_path / example.split()[-1], titles=titles, n_frames=2)
        words = [*shlex.split(example), "--store", store.root]
        result = call(*words, *([] if "--yes" in words else ["--yes"]))
        assert result.exit_code == 0 and " of 1 clip, " in result.stdout, result.output


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_is_in_the_usual_spelling(flag):
    shown = "".join(call(*words, flag).stdout for words in ([], ["zoo"], *every_command()))
    assert "--tolerant" in shown and " SOURCE" in shown and "PATTERN..." in shown
    for wrong in ("<bool>", "...]...", "{", "<list", "<str>"):
        assert wrong not in shown, wrong


def every_command() -> list[list[str]]:
    return [
        *([word] for word in ("run", "compare", *REQUEST_COMMANDS, *STORE_COMMANDS)),
        *(["zoo", word] for word in ZOO_COMMANDS),
    ]


def test_torch_is_imported_late_and_then_lets_other_threads_work_while_its_own_wait():
    program = "import os, sys, precompute.__main__; print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    for given, expected in ({}, "1000 False"), ({"GOMP_SPINCOUNT": "7"}, "7 False"):
        environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"} | given
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        )
        assert done.stdout.strip() == expected


def test_the_version_is_the_manifests():
    assert call("--version").stdout == f"Crosscheck {VERSION}\n"


def test_both_spellings_of_the_centre_are_accepted(tmp_path):
    for word in ("centre", "center"):
        result = call("run", tmp_path / "missing.mp4", "--crop", word, "--store", tmp_path / "store")
        assert result.exit_code == 1 and "error[not_found]" in result.stderr


def test_a_zoo_of_which_nothing_is_installed_gets_one_line_and_the_command():
    lines = call("zoo", "check", "xtc").stderr.splitlines()
    assert len(lines) == 1 and lines[0].endswith("python -m precompute zoo pull xtc")


def test_gc_tells_what_would_go_and_then_removes_it(store):
    (track, *_) = store.tracks()
    left = store.root / "tracks" / track.head.key / ".ab.pack.0123"
    left.write_bytes(b"half")
    assert "0 removed" in call("gc", "--store", store.root).stdout and left.exists()
    told = call("gc", "--dry-run", "--older-than", "0", "--store", store.root)
    assert left.name in told.stdout and "1 found" in told.stdout and left.exists()
    assert "1 removed" in call("gc", "--older-than", "0", "--store", store.root).stdout and not left.exists()


def test_what_verify_moves_away_is_named_kept_and_removed_when_asked(store):
    (track, *_) = store.tracks()
    pack = store.pack_path(track.head.key, track.packs[0].sha256)
    pack.write_bytes(b"damaged")
    result = call("verify", "--fix", "--store", store.root)
    assert result.exit_code == 0 and "1 moved to" in result.stdout and "quarantine" in result.stdout
    assert len(list((store.root / "quarantine").iterdir())) == 2
    assert "2 removed" in call("gc", "--quarantine", "--older-than", "0", "--store", store.root).stdout


def test_a_title_that_steers_the_terminal_is_shown_as_text(tmp_path):
    build_store(tmp_path, titles=["Nice \x1b]0;owned\x07\x1b[2J clip\u202e"], n_frames=2)
    result = call("list", "--all", "--store", tmp_path)
    assert "Nice" in result.stdout and not set("\x1b\x07\u202e") & set(result.output)
    next(tmp_path.rglob("*.pack")).write_bytes(b"")
    assert not set("\x1b\x07\u202e") & set(call("verify", "--store", tmp_path).output)


# doctor


def findings(root: Path) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(root)}


def test_the_doctor_finds_a_sound_store_sound(store):
    before = sorted(store.root.rglob("*"))
    result = call("doctor", "--json", "--store", store.root)
    found = {row["name"]: row for row in json.loads(result.stdout)}
    assert result.exit_code == 0
    for name in ("store", "locks", "tracks", "index", "Python", "torch", "PyAV", "device"):
        assert found[name]["state"] == "ok", found[name]
    assert "18 finished, 0 growing" in found["tracks"]["found"]
    assert sorted(store.root.rglob("*")) == before
    for name, row in found.items():
        assert (row["state"] == "ok") == (row["next_step"] == ""), name
        assert row["found"] in " ".join(call("doctor", "--store", store.root).stdout.split()) or name in ("device",)


def test_the_doctor_names_what_is_wrong_with_a_store_and_what_to_do(store):
    first, second, third, *_ = store.tracks()
    (store.root / "tracks" / first.head.key / "manifest.json").write_text("{")
    newer = json.dumps(track_to_json(second) | {"schema": 99})
    (store.root / "tracks" / second.head.key / "manifest.json").write_text(newer)
    (store.root / "index" / "cache.db").write_bytes(b"no database" * 999)
    left = store.root / "tracks" / third.head.key / ".ab.pack.0123"
    left.write_bytes(b"half")
    (store.root / "quarantine").mkdir()
    (store.root / "quarantine" / "a.json").write_text("{}")
    before = sorted(store.root.rglob("*"))
    with store.writing(third.head.clip.key):
        found = findings(store.root)
    assert found["index"].state == "warning" and "verify --fix" in found["index"].next_step
    assert sorted(store.root.rglob("*")) == before, "what it finds it leaves"
    assert third.head.clip.key[:12] in found["locks"].found
    assert "damaged" in found["quarantine"].found
    result = call("doctor", "--store", store.root)
    assert result.exit_code == 1
    for words in ("1 cannot be read", "verify --fix", "written by a newer version", "gc --quarantine"):
        assert words in " ".join(result.stdout.split())


def test_the_doctor_counts_what_broken_downloads_of_operator_and_visitors_left(store, monkeypatch):
    for name in ("media", "downloads"):
        (store.root / name / f"download-{'1' * 32}").mkdir(parents=True)
        (store.root / name / "urls").mkdir()
        (store.root / name / "urls" / ".note.json.0123").write_bytes(b"half")
    assert "leftovers" not in findings(store.root), "they are young"
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 2 * MIN_ORPHAN_AGE_SECONDS)
    assert findings(store.root)["leftovers"].found.startswith("4 files")
    assert "4 removed" in call("gc", "--store", store.root).stdout and "leftovers" not in findings(store.root)


def test_the_doctor_sees_a_damaged_index_and_verify_makes_it_anew(store):
    path = store.root / "index" / "cache.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 2000 + whole[2100:])
    (finding,) = doctor._index(store.root)
    assert finding.state == "warning" and "verify --fix" in finding.next_step
    assert call("verify", "--fix", "--store", store.root).exit_code == 0
    (finding,) = doctor._index(store.root)
    assert finding.state == "ok"


def test_verify_looks_through_a_store_as_often_whatever_its_clips_and_keeps_a_row_for_each(
    store, tmp_path, monkeypatch
):
    more = build_store(tmp_path / "more", titles=["One", "Two", "Three", "Four"], n_frames=4, frames_per_pack=2)
    before, looks = os.scandir, []
    for root in (store.root, more.root):
        looks.append(0)

        def scandir(path, place=root / "tracks"):
            looks[-1] += str(path) == str(place)
            return before(path)

        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", scandir)
            assert call("verify", "--fix", "--store", root).exit_code == 0
        again = Store(root, read_only=True)
        for name in (f"lines {LINES_VERSION}", row_name("normal")):
            rows = again.clip_rows(name)
            assert {clip: row.stamps for clip, row in rows.items()} == dict(again.listing()._stamps)
    assert looks[0] == looks[1] > 0


def test_the_doctor_looks_at_a_store_that_is_not_there_and_makes_none(tmp_path):
    assert findings(tmp_path / "none")["store"].state == "ok" and not (tmp_path / "none").exists()
    (tmp_path / "home").mkdir()
    empty = findings(tmp_path / "home")
    assert empty["store"].state == empty["locks"].state == "ok" and not list((tmp_path / "home").iterdir())
    (tmp_path / "home" / "letter.txt").write_text("")
    assert findings(tmp_path / "home")["store"].state == "warning"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["letter.txt"]
    assert findings(Path("/proc/none"))["store"].state == "problem"


def test_the_file_system_of_a_folder_is_that_of_the_nearest_mount(tmp_path):
    mounts = tmp_path / "mounts"
    folder = tmp_path.resolve()
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nserver:/x {folder} nfs4 rw 0 0\n/dev/b {folder}/my\\040disk xfs rw 0 0\n")
    (tmp_path / "my disk").mkdir()
    for name, kind in ((".", "nfs4"), ("my disk", "xfs"), ("..", "ext4")):
        assert doctor.file_system(tmp_path / name, mounts) == kind
    assert doctor.file_system(tmp_path, tmp_path / "none") == ""


def test_of_javascript_runtimes_deno_alone_counts_as_yt_dlp_takes_no_other(tmp_path, monkeypatch):
    for name in ("node", "deno"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {'v24.0.0' if name == 'node' else 'deno 2.5.0'}\n")
    (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setitem(sys.modules, "deno", None)
    (finding,) = doctor._javascript()
    assert finding.state == "warning" and "deno" in finding.next_step
    (tmp_path / "deno").chmod(0o755)
    (finding,) = doctor._javascript()
    assert (finding.state, finding.found) == ("ok", "deno 2.5.0")


def test_the_doctor_refuses_the_ffmpeg_that_the_decoder_refuses(monkeypatch):
    assert doctor._decoder().state == "ok"
    monkeypatch.setattr(av, "ffmpeg_version_info", "n8.1.1-3-g00")
    found = doctor._decoder()
    assert (
        found.state == "problem"
        and "the oldest safe version is 8.1.2" in found.found
        and "pip install" in found.next_step
    )


def test_an_old_extractor_is_named_with_its_age():
    assert doctor._extractor(date(2026, 12, 1)).state == "ok"
    old = doctor._extractor(date(2028, 1, 1))
    assert old.state == "warning" and "days old" in old.found and "yt-dlp[default,deno]" in old.next_step
