"""Every failure has a code of one table, with a next step, and reaches whoever must know it."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch
from rich.console import Console
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from cache import reports
from cache.records import BadRecord, StoreError
from cache.reports import Item, Report, last_report, report_name, write_report
from cache.store import STORE_VARIABLE, CorruptPack
from consistency.zoo.records import ZooError
from precompute.cli import outcomes
from precompute.cli.outcomes import Outcomes
from precompute.cli.run import app
from precompute.failures import KINDS, SourceError, as_markdown
from precompute.jobs.events import Stored, name_error
from precompute.media import download_failures
from precompute.net import http_failures
from tests.fixtures.media import write_video
from tests.fixtures.zoos import write_zoo

ROOT = Path(__file__).parents[2]
HOSTILE = "<script>alert(1)</script> [red]**x**[/red] \x1b[31m ![i](http://x/y.png) $x^2$"


def codes_in(tree: ast.AST) -> set[str]:
    """Codes that stand where an error is made."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    codes = [call.args[0] for call in calls if ast.unparse(call.func) in ("SourceError", "Passing")]
    return {code.value for code in codes if isinstance(code, ast.Constant)}


def test_every_code_that_is_raised_is_in_the_table_and_every_one_of_the_table_is_raised():
    trees = {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "precompute").rglob("*.py")}
    raised = {code for tree in trees.values() for code in codes_in(tree)}
    raised |= {code for code, _ in download_failures.PHRASES} | set(http_failures.STATUS_CODES.values())
    raised |= {http_failures.status_failure("x", status).code for status in (418, 503)}
    (chooser,) = (node for node in trees["events.py"].body if getattr(node, "name", "") == "_code")
    returned = [node for node in ast.walk(chooser) if isinstance(node, ast.Return)]
    raised |= {
        leaf.value
        for node in returned
        for leaf in ast.walk(node)
        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str)
    }
    assert raised == set(KINDS)


def test_an_error_takes_a_code_of_the_table_only():
    with pytest.raises(ValueError, match="not a code"):
        SourceError("http_418", "x: a teapot", "drink it")


@pytest.mark.parametrize("code", KINDS)
def test_every_code_has_a_cause_and_a_next_step(code):
    kind = KINDS[code]
    assert kind.cause[0].isupper() and kind.cause.endswith(".")
    assert kind.next_step and not kind.next_step.endswith(".") and "; " not in kind.next_step
    error = SourceError(code, "clip.mp4: found")
    assert (error.found, error.next_step) == ("clip.mp4: found", kind.next_step)


def test_a_message_may_know_a_better_next_step_and_one_without_gets_the_usual():
    error = SourceError("too_large", "a; b: 9 GB", "halve it; or not")
    assert (error.found, error.next_step) == ("a; b: 9 GB", "halve it; or not")
    assert str(error) == "a; b: 9 GB; halve it; or not"
    assert SourceError("too_large", "a; b").next_step == KINDS["too_large"].next_step


def test_a_failure_is_the_same_in_another_process():
    error = SourceError("network", "a; b:\x1b[31m\nlost", "try; again")
    again = SourceError(**json.loads(json.dumps(error.fields())))
    assert (again.code, again.found, again.next_step, str(again)) == (
        error.code,
        error.found,
        error.next_step,
        str(error),
    )


def test_the_documents_list_is_the_table():
    assert (ROOT / "docs" / "errors.md").read_text() == as_markdown(), (
        "run: python -m precompute.failures > docs/errors.md"
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SourceError("truncated", "clip.mp4: cut short"), "truncated"),
        (ZooError("weights of rgb-normal have another SHA-256"), "bad_weights"),
        (CorruptPack("pack 12 is damaged; run verify"), "bad_store"),
        (StoreError("track is complete; remove it"), "bad_store"),
        (BadRecord("manifest.json is not JSON"), "bad_store"),
        (OSError(errno.ENOSPC, "No space left on device", "x.pack"), "disk_full"),
        (PermissionError(errno.EACCES, "Permission denied", "x.pack"), "store_readonly"),
        (OSError(errno.EIO, "Input/output error"), "bad_store"),
        (MemoryError(), "out_of_memory"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "out_of_memory"),
        (OSError(errno.EMFILE, "Too many open files", "/usr/bin/python"), "out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "out_of_gpu_memory"),
        (KeyError("depth"), "internal"),
    ],
)
def test_whatever_stops_a_source_has_a_code_and_a_next_step(error, code):
    named = name_error("clip.mp4", error)
    assert named.code == code and "clip.mp4" in str(named)
    assert named.next_step and named.found and "\n" not in str(named)
    assert code != "out_of_memory" or ("the store" not in named.found and "python" not in named.found)


# --- told as it happens ---


class Told:
    """An `Outcomes` with what it said."""

    def __init__(self, root: Path, sources: list[str], *, as_json: bool = False) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        consoles = {name: Console(file=getattr(self, name), highlight=False, width=200) for name in ("out", "err")}
        self.outcomes = Outcomes(root, sources, as_json=as_json, **consoles)


def test_the_terminal_gets_one_line_for_each_failure_and_a_table_at_the_end(tmp_path):
    told = Told(tmp_path, ["a.mp4", HOSTILE, "c.mp4"])
    told.outcomes.started("a.mp4")
    told.outcomes.stored(Stored("a", "0" * 64, 3, 10))
    told.outcomes.started(HOSTILE)
    told.outcomes.failed_by(SourceError("truncated", f"{HOSTILE}: cut short"))
    told.outcomes.started("c.mp4")
    told.outcomes.failed_by(SourceError("network", "c.mp4: connection refused"))
    told.outcomes.finish()
    lines = told.err.getvalue().splitlines()
    assert lines[0].startswith("error[truncated] <script>") and " --tolerant (again: no help)" in lines[0]
    assert lines[1].startswith("error[network] c.mp4: connection refused; ") and "(again: may help)" in lines[1]
    assert lines[-1] == "failed: 2 of 3 sources"
    table = "\n".join(lines[2:-1])
    assert "[red]**x**[/red]" in table and "truncated" in table and "no help" in table and "may help" in table
    assert "\x1b" not in told.err.getvalue()


def test_a_report_tells_what_became_of_each_source(tmp_path):
    told = Told(tmp_path, ["a.mp4", "b.mp4", "c.mp4"])
    told.outcomes.started("a.mp4")
    begun = last_report(tmp_path)
    assert begun is not None and begun.ended is None and begun.items == ()
    told.outcomes.stored(Stored("A", "0" * 64, 3, 10))
    told.outcomes.started("b.mp4")
    told.outcomes.failed_by(SourceError("no_video", "b.mp4: sound alone"))
    told.outcomes.started("c.mp4")
    told.outcomes.finish()
    report = last_report(tmp_path)
    assert report is not None and report.ended and report.sources == ("a.mp4", "b.mp4", "c.mp4")
    assert [(item.source, item.outcome) for item in report.items] == [
        ("a.mp4", "stored"),
        ("b.mp4", "failed"),
        ("c.mp4", "stopped"),
    ]
    (failed,) = report.failed
    assert (failed.code, failed.message, failed.can_retry) == ("no_video", "b.mp4: sound alone", False)
    assert failed.next_step == KINDS["no_video"].next_step and failed.began <= failed.ended


def test_a_report_names_no_folder_but_where_two_files_are_named_alike(tmp_path):
    sources = ["/home/me/secret/a.mp4", "~/one/b.mp4", "/two/b.mp4", "https://x.example/c.mp4?key=hunter2", "phone"]
    told = Told(tmp_path / "store", sources)
    (tmp_path / "store").mkdir()
    messages = [
        f"{sources[0]}: not mp4 but /home/me/secret/a.toml names it in {tmp_path}/store/media",
        f"{Path(sources[1]).expanduser()}: cut short",
        f"{sources[2]}: cut short",
        "'https://x.example/c.mp4?key=hunter2': the server answered 403",
        "phone: no room",
    ]
    for source, message in zip(sources, messages, strict=True):
        told.outcomes.started(source)
        told.outcomes.failed_by(SourceError("damaged", message))
    told.outcomes.finish()
    assert all(message in told.err.getvalue() for message in messages), "the terminal tells all"
    report = last_report(tmp_path / "store")
    assert report is not None
    assert report.sources == ("a.mp4", "one/b.mp4", "two/b.mp4", "https://x.example/c.mp4", "phone")
    assert [item.source for item in report.items] == list(report.sources)
    assert [item.message for item in report.items] == [
        "a.mp4: not mp4 but a.toml names it in the store/media",
        "one/b.mp4: cut short",
        "two/b.mp4: cut short",
        "'https://x.example/c.mp4': the server answered 403",
        "phone: no room",
    ]


def test_a_report_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path):
    (tmp_path / "reports").write_text("a file where the folder should be")
    told = Told(tmp_path, ["a.mp4"])
    told.outcomes.started("a.mp4")
    told.outcomes.stored(Stored("A", "0" * 64, 3, 10))
    told.outcomes.finish()
    assert told.err.getvalue().count("no report of this run") == 1


def test_progress_is_told_once_a_second_for_each_stage(tmp_path, monkeypatch):
    told = Told(tmp_path, ["a.mp4"], as_json=True)
    now = [100.0]
    monkeypatch.setattr(outcomes.time, "monotonic", lambda: now[0])
    told.outcomes.started("a.mp4")
    for n_done in range(10):
        told.outcomes.progress("download", n_done, 10)
        now[0] += 0.25
    told.outcomes.progress("compute", 1, None)
    events = [json.loads(line) for line in told.out.getvalue().splitlines()]
    assert [event["n_done"] for event in events if event.get("stage") == "download"] == [0, 4, 8]
    assert [event["n_total"] for event in events if event.get("stage") == "compute"] == [None]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_zoo(tmp_path_factory.mktemp("zoo"), targets=("normal",))


def run(store: Path, zoo: Path, *words: str | Path, text: str | None = None):
    options = ("--store", store, "--zoo", zoo, "--size", "64", "--device", "cpu", "--batch-size", "3")
    return CliRunner().invoke(app, [str(word) for word in ("run", *words, *options)], input=text)


def test_events_are_one_object_a_line_and_a_failure_stops_no_other_source(tmp_path, zoo):
    clip = write_video(tmp_path / "good.mp4", 4)
    result = run(tmp_path / "store", zoo, tmp_path / "missing.mp4", clip, "--json")
    assert result.exit_code == 1
    events = [json.loads(line) for line in result.stdout.splitlines()]
    names = [event["event"] for event in events if event["event"] != "progress"]
    assert names == ["started", "failed", "started", "stored", "done"]
    failed, stored, done = (next(e for e in events if e["event"] == name) for name in ("failed", "stored", "done"))
    assert failed["code"] == "not_found" and failed["next_step"] and failed["can_retry"] is False
    assert stored["source"] == str(clip) and stored["n_frames_computed"] == 4
    assert (done["n_sources"], done["n_stored"], done["n_failed"], done["n_not_done"]) == (2, 1, 1, 0)
    report = last_report(tmp_path / "store")
    assert report is not None and [item.outcome for item in report.items] == ["failed", "stored"]
    assert Path(done["report"]).is_file()


@pytest.mark.parametrize(("listener", "options"), [("gone", ()), ("full", ("--json",))])
def test_a_listener_that_is_gone_or_full_ends_no_run(tmp_path, zoo, listener, options):
    clip = write_video(tmp_path / "good.mp4", 4)
    words = [
        "run",
        tmp_path / "missing.mp4",
        clip,
        "--store",
        tmp_path / "store",
        "--zoo",
        zoo,
        "--size",
        "64",
        *options,
    ]
    if listener == "gone":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full", os.O_WRONLY)
    command = [sys.executable, "-m", "precompute", *map(str, words)]
    ended = subprocess.run(command, check=False, cwd=ROOT, stdout=writer, stderr=writer, timeout=120)
    os.close(writer)
    report = last_report(tmp_path / "store")
    assert report is not None and report.ended and [item.outcome for item in report.items] == ["failed", "stored"]
    assert ended.returncode == 1, "for the missing one, as with a listener"


def test_a_folder_and_a_list_are_taken_apart_and_what_is_skipped_is_named(tmp_path, zoo):
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "b.mp4", 3)
    write_video(folder / "a.mp4", 3)
    (folder / "notes.txt").write_text("not a video")
    result = run(tmp_path / "store", zoo, folder, "--from", "-", text="# more\n\nmissing.mp4\n")
    assert result.exit_code == 1 and "error[not_found] missing.mp4" in result.stderr
    assert "2 videos; skipped (not a video by name): notes.txt" in result.stdout
    report = last_report(tmp_path / "store")
    assert report is not None
    assert [Path(item.source).name for item in report.items] == ["a.mp4", "b.mp4", "missing.mp4"]


# --- the reports of the store ---


def test_the_last_hundred_reports_are_kept_and_the_latest_is_read(tmp_path):
    first = datetime(2026, 1, 1, tzinfo=UTC)
    for minute in range(reports.MAX_REPORTS + 5):
        began = first + timedelta(minutes=minute)
        write_report(tmp_path, report_name(began), Report(began.isoformat(), None, ("a",), ()))
    (tmp_path / "reports" / "notes.txt").write_text("of someone else")
    kept = sorted(path.name for path in (tmp_path / "reports").glob("*.json"))
    assert len(kept) == reports.MAX_REPORTS and kept[0] == report_name(first + timedelta(minutes=5))
    latest = last_report(tmp_path)
    assert latest is not None and latest.began == began.isoformat()
    assert (tmp_path / "reports" / "notes.txt").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        "{",
        '{"began": "x"}',
        '{"began": "x", "ended": null, "sources": [1], "items": []}',
        '{"began": "x", "ended": null, "sources": [], "items": [{"source": "a", "outcome": "maybe"}]}',
        '{"began": "x", "ended": null, "sources": [], "items": [{"source": ["a"], "outcome": "failed"}]}',
        '{"began": "x", "ended": null, "sources": [], "items": [{"source": "a", "outcome": "failed", "can_retry": "no"}]}',
        "[" * 100_000,
    ],
)
def test_a_report_that_is_none_is_passed_over(tmp_path, content):
    earlier = Report("2026-01-01T00:00:00+00:00", None, ("a",), (Item("a", "stored"),))
    write_report(tmp_path, report_name(datetime(2026, 1, 1, tzinfo=UTC)), earlier)
    (tmp_path / "reports" / report_name(datetime(2026, 1, 2, tzinfo=UTC))).write_text(content)
    assert last_report(tmp_path) == earlier


def test_a_report_of_a_newer_version_is_read(tmp_path):
    path = write_report(tmp_path, report_name(datetime.now(UTC)), Report("x", None, ("a",), (Item("a", "stored"),)))
    data = json.loads(path.read_text())
    data["items"][0]["weather"] = data["weather"] = "fine"
    path.write_text(json.dumps(data))
    report = last_report(tmp_path)
    assert report is not None and report.items == (Item("a", "stored"),)


def test_the_dashboard_lists_failed_sources_as_plain_text(tmp_path, monkeypatch):
    failed = Item(
        HOSTILE, "failed", code="network", message=f"{HOSTILE}: refused", next_step="run again", can_retry=True
    )
    write_report(
        tmp_path, report_name(datetime.now(UTC)), Report("x", "y", (HOSTILE, "b"), (failed, Item("b", "stored")))
    )
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path))
    page = AppTest.from_file(str(ROOT / "dashboard" / "ui.py"), default_timeout=30).run()
    assert not page.exception
    (expander,) = page.expander
    assert expander.label == "1 source failed in the last run"
    (text,) = expander.text  # st.text shows what it is given letter by letter
    assert "<script>" in text.value and "[network]" in text.value and "Next: run again." in text.value
    assert "\x1b" not in text.value and not expander.markdown


def test_the_dashboard_says_nothing_of_a_run_without_failures(tmp_path, monkeypatch):
    write_report(tmp_path, report_name(datetime.now(UTC)), Report("x", "y", ("b",), (Item("b", "stored"),)))
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path))
    page = AppTest.from_file(str(ROOT / "dashboard" / "ui.py"), default_timeout=30).run()
    assert not page.exception and not page.expander
