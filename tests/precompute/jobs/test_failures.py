"""Every failure has a code of one table, with a next step, and reaches whoever must know it."""

from __future__ import annotations

import ast
import copy
import errno
import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from cache import reports
from cache.records import BadRecord, NewerRecord, StoreError
from cache.reports import Item, Report, last_report, report_name, write_report
from cache.store import STORE_VARIABLE, CorruptPack
from consistency.zoo.networks.formats import BadNetwork
from consistency.zoo.records import ZooError
from precompute.downloads import download_failures
from precompute.failures import KINDS, SourceError, as_markdown
from precompute.jobs.events import name_error
from precompute.net import http_failures
from tests.fixtures.web.waits import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]
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
        (CorruptPack("pack 12 is damaged", "run verify"), "bad_store"),
        (StoreError("track is complete", "remove it"), "bad_store"),
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


@pytest.mark.parametrize("kind", [StoreError, CorruptPack, BadRecord, NewerRecord, ZooError, BadNetwork])
def test_a_failure_keeps_its_next_step_apart_from_what_was_found(kind):
    error = kind("a; b", "halve it; or not")
    for same in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (same.found, same.next_step, str(same)) == ("a; b", "halve it; or not", "a; b; halve it; or not")
    assert str(kind("a; b")) == "a; b" and kind("a; b").next_step == ""


@pytest.mark.parametrize(
    ("kind", "code"), [(StoreError, "bad_store"), (BadRecord, "bad_store"), (ZooError, "bad_weights")]
)
def test_a_stopped_source_gets_the_next_step_of_its_failure_or_else_the_usual_one(kind, code):
    named = name_error("clip.mp4", kind("a; b", "halve it; or not"))
    assert (named.code, named.found, named.next_step) == (code, "clip.mp4: a; b", "halve it; or not")
    named = name_error("clip.mp4", kind("a; b"))
    assert (named.found, named.next_step) == ("clip.mp4: a; b", KINDS[code].next_step)


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
    page = AppTest.from_file(str(ROOT / "dashboard" / "ui.py"), default_timeout=PATIENCE_SECONDS).run()
    assert not page.exception
    (expander,) = page.expander
    assert expander.label == "1 source failed in the last run"
    (text,) = expander.text  # st.text shows what it is given letter by letter
    assert "<script>" in text.value and "[network]" in text.value and "Next: run again." in text.value
    assert "\x1b" not in text.value and not expander.markdown


def test_the_dashboard_says_nothing_of_a_run_without_failures(tmp_path, monkeypatch):
    write_report(tmp_path, report_name(datetime.now(UTC)), Report("x", "y", ("b",), (Item("b", "stored"),)))
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path))
    page = AppTest.from_file(str(ROOT / "dashboard" / "ui.py"), default_timeout=PATIENCE_SECONDS).run()
    assert not page.exception and not page.expander
