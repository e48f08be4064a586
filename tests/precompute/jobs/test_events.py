"""What a job reports, and its sinks: the terminal, the JSON lines, the store's report and the log."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from cache.reports import last_report
from cache.store import Store
from consistency.zoo.read import load_zoo
from precompute.cli.app import app
from precompute.cli.output import console_events, json_events
from precompute.cli.output.console_events import ConsoleEvents
from precompute.cli.output.json_events import JsonEvents
from precompute.cli.output.logs import logging_to_stderr
from precompute.cli.output.next_step import NextStep
from precompute.cli.output.report_events import ReportEvents
from precompute.failures import KINDS, SourceError
from precompute.jobs.events import (
    BatchHalved,
    Computing,
    Downloading,
    Estimated,
    Event,
    Events,
    Failed,
    Note,
    Planned,
    Resolved,
    RunEnded,
    RunStarted,
    Started,
    Stored,
    Waiting,
)
from precompute.jobs.job import Settings, run_job
from precompute.jobs.pace import Pace
from precompute.jobs.precision import Measured
from precompute.media.sampling import Sampling
from precompute.signals import Stop
from tests.fixtures.events import Recorded
from tests.fixtures.media import write_video
from tests.fixtures.zoos import write_zoo

ROOT = Path(__file__).parents[3]
HOSTILE = "<script>alert(1)</script> [red]**x**[/red] \x1b[31m ![i](http://x/y.png) $x^2$"
PLANNED = Planned("A", "0" * 64, 10, 4, 3, 2e6, "cpu", "bfloat16", "within 0.50/255 of float32")
DONE = Stored("a.mp4", "A", "0" * 64, 4, n_tracks_computed=3, n_frames_computed=8, seconds=4.0)


def emit(sink: Events, *events: Event) -> None:
    for event in events:
        sink.emit(event)


def failed(source: str, error: SourceError) -> tuple[Event, Event]:
    return Started(source), Failed(source, error)


# The terminal


def test_the_terminal_gets_a_line_for_the_plan_and_one_for_the_result_of_each_source(capsys):
    emit(ConsoleEvents(), RunStarted(("a.mp4",)), Note("1 video"), Started("a.mp4"), PLANNED, Waiting())
    emit(ConsoleEvents(), Started("a.mp4"), PLANNED, Computing(3, 2, 10), BatchHalved(1), DONE, RunEnded())
    emit(ConsoleEvents(), Started("a.mp4"), Downloading(1, 9), Stored("a.mp4", "A", "0" * 64, 1), RunEnded())
    plan = "A: 10 frames, 3 of 4 tracks to compute, about 2 MB, on cpu (bfloat16, within 0.50/255 of float32)"
    assert capsys.readouterr().out.splitlines() == [
        "1 video",
        plan,
        "A: waiting for another job that is writing this clip",
        plan,
        "A: the GPU's memory is full; continuing with batches of 1 frame",
        "A: 3 tracks stored, 8 frames computed in 4 s (2.0 frames/s)",
        "A: 1 track already stored, 0 frames computed",
    ]


def test_the_terminal_gets_one_line_for_each_failure_and_a_table_at_the_end(capsys):
    sink = ConsoleEvents()
    emit(sink, RunStarted(("a.mp4", HOSTILE, "c.mp4")), Started("a.mp4"), DONE)
    emit(sink, *failed(HOSTILE, SourceError("truncated", f"{HOSTILE}: cut short")))
    emit(sink, *failed("c.mp4", SourceError("network", "c.mp4: connection refused")), RunEnded())
    err = capsys.readouterr().err
    lines = err.splitlines()
    assert lines[0].startswith("error[truncated] <script>") and " --tolerant (trying again will not help)" in lines[0]
    assert lines[1].startswith("error[network] c.mp4: connection refused; ") and "(trying again may help)" in lines[1]
    assert lines[-1] == "failed: 2 of 3 sources"
    table = " ".join("".join(lines[2:-1]).split())
    assert "[red]" in table and "truncated" in table and "will not help" in table and "may help" in table
    assert "\x1b" not in err


def test_the_bar_of_a_download_closes_before_planning(monkeypatch):
    steps: list[str] = []

    @contextmanager
    def bar(what: str):
        yield lambda n_bytes, n_total: steps.append(f"{n_bytes} of {n_total}")
        steps.append("closed")

    monkeypatch.setattr(console_events, "bytes_bar", bar)
    emit(ConsoleEvents(), Started("a.mp4"), Downloading(3, None), Downloading(9, None), Resolved())
    assert steps == ["3 of None", "9 of None", "closed"]


def test_a_job_in_float32_names_no_error_and_one_frame_is_a_frame(capsys):
    plan = Planned("A", "0" * 64, 1, 1, 1, 1e6, "cpu", "float32", str(Measured(frozenset(), 0.0, 0.0)))
    emit(ConsoleEvents(), Started("a.mp4"), plan, RunEnded())
    assert capsys.readouterr().out == "A: 1 frame, 1 of 1 track to compute, about 1 MB, on cpu (float32)\n"


def test_after_a_run_the_terminal_gets_the_command_and_a_link_to_each_clip(capsys):
    emit(NextStep(Path("my store")), RunStarted(("a.mp4",)), DONE, RunEnded())
    assert capsys.readouterr().out.splitlines() == [
        "to look at it: streamlit run dashboard/app.py -- --store 'my store'",
        "then open http://localhost:8501/?clip=000000000000",
    ]
    emit(NextStep(None), RunStarted(("a.mp4",)), *failed("a.mp4", SourceError("empty", "a.mp4: empty")), RunEnded())
    assert capsys.readouterr().out == "", "nothing was stored"


def paces(*seconds: float, n_total: int = 100, batch: int = 10) -> list[Event]:
    """What is reported if the batches are done at those seconds."""
    now = iter((0.0, *seconds))
    pace, said = Pace(n_total, 0, clock=lambda: next(now)), Recorded()
    for n_batches, _ in enumerate(seconds, 1):
        pace.report(n_batches * batch, said)
    return [event for event in said if isinstance(event, Estimated)]


def test_the_end_is_estimated_once_by_the_speed_after_the_first_batch():
    assert paces(10, 12, 14, 16) == [Estimated(14, 5)], "the first batch loads: 10 s say nothing of the others"
    assert paces(10, 12, 14, n_total=30) == [], "it is done by then"
    assert paces(1, 2, 3) == [], "too early"
    assert paces(100, 190) == [Estimated(900, 0.1)], "loading is a small part of such a batch"
    assert paces(10, 20, 30, n_total=0) == [], "nobody knows how many frames there are"


# The store's report


def test_a_report_tells_what_became_of_each_source(tmp_path):
    sink = ReportEvents(tmp_path)
    emit(sink, RunStarted(("a.mp4", "b.mp4", "c.mp4")), Started("a.mp4"))
    begun = last_report(tmp_path)
    assert begun is not None and begun.ended is None and begun.items == ()
    emit(sink, DONE, *failed("b.mp4", SourceError("no_video", "b.mp4: sound alone")), Started("c.mp4"), RunEnded())
    report = last_report(tmp_path)
    assert report is not None and report.ended and report.sources == ("a.mp4", "b.mp4", "c.mp4")
    assert [(item.source, item.outcome) for item in report.items] == [
        ("a.mp4", "stored"),
        ("b.mp4", "failed"),
        ("c.mp4", "stopped"),
    ]
    (item,) = report.failed
    assert (item.code, item.message, item.can_retry) == ("no_video", "b.mp4: sound alone", False)
    assert item.next_step == KINDS["no_video"].next_step and item.began <= item.ended


def test_a_report_names_no_folder_but_where_two_files_are_named_alike(tmp_path):
    sources = ["/home/me/secret/a.mp4", "~/one/b.mp4", "/two/b.mp4", "https://x.example/c.mp4?key=hunter2", "phone"]
    (tmp_path / "store").mkdir()
    messages = [
        f"{sources[0]}: not mp4 but /home/me/secret/a.toml names it in {tmp_path}/store/media",
        f"{Path(sources[1]).expanduser()}: cut short",
        f"{sources[2]}: cut short",
        "'https://x.example/c.mp4?key=hunter2': the server answered 403",
        "phone: no room",
    ]
    sink = ReportEvents(tmp_path / "store")
    emit(sink, RunStarted(tuple(sources)))
    for source, message in zip(sources, messages, strict=True):
        emit(sink, *failed(source, SourceError("damaged", message)))
    emit(sink, RunEnded())
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


def test_a_report_that_cannot_be_written_is_said_once_and_stops_nothing(tmp_path, capsys):
    (tmp_path / "reports").write_text("a file where the folder should be")
    emit(ReportEvents(tmp_path), RunStarted(("a.mp4",)), Started("a.mp4"), DONE, RunEnded())
    assert capsys.readouterr().err.count("no report of this run") == 1


# JSON lines


def test_progress_is_told_once_a_second_for_each_stage(tmp_path, monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(json_events.time, "monotonic", lambda: now[0])
    sink = JsonEvents(tmp_path / "report.json")
    emit(sink, Started("a.mp4"))
    for n_done in range(10):
        emit(sink, Downloading(n_done, 10))
        now[0] += 0.25
    emit(sink, Computing(1, 0, None))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
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


def test_a_verbose_run_logs_on_stderr_and_a_plain_one_logs_nothing(tmp_path, zoo):
    clip = write_video(tmp_path / "good.mp4", 4)
    verbose = run(tmp_path / "verbose", zoo, clip, "--json", "--verbose")
    assert verbose.exit_code == 0, verbose.output
    assert [json.loads(line)["event"] for line in verbose.stdout.splitlines()][-1] == "done", "stdout stays JSON"
    logged = [line for line in verbose.stderr.splitlines() if " precompute." in line]
    for words in (
        "tracks to compute",
        "dtype=",
        "writing the packs",
        "tracks complete",
        "ended precompute.media.decoder_process",
    ):
        assert any(words in line for line in logged), words
    plain = run(tmp_path / "plain", zoo, clip, "--json")
    assert " precompute." not in plain.stderr and "INFO" not in plain.stderr


def test_a_logged_traceback_keeps_its_indentation_and_steers_no_terminal(capsys):
    with logging_to_stderr():
        try:
            raise ValueError("\x1b[31m  red")
        except ValueError:
            logging.getLogger("precompute.jobs").debug("failed", exc_info=True)
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith('  File "') for line in lines) and any(line.startswith("    raise ") for line in lines)
    assert lines[-1] == "ValueError: \N{REPLACEMENT CHARACTER}[31m red"


# The job as a library


def test_a_job_runs_without_a_terminal_and_reports_to_whoever_listens(tmp_path, zoo, one_thread):
    clip, store = write_video(tmp_path / "good.mp4", 4), Store(tmp_path / "store")
    settings = Settings(load_zoo(str(zoo)), ("*",), Sampling(size=64), torch.device("cpu"), 3)
    said = Recorded()
    assert run_job(store, ["missing.mp4", str(clip)], settings, events=said) == 1
    kinds = [type(event) for event in said if not isinstance(event, Computing)]
    assert kinds == [RunStarted, Started, Failed, Started, Resolved, Planned, Stored, RunEnded]
    assert [event.n_frames for event in said if isinstance(event, Computing)] == [3, 4]
    done = said[-2]
    assert isinstance(done, Stored) and (done.source, done.title, done.n_frames_computed) == (str(clip), "good", 4)
    assert done.n_tracks == done.n_tracks_computed == len(store.tracks())
    kinds = [track.head.kind for track in store.tracks()]
    assert done.n_tracks_measured == kinds.count("flow") + kinds.count("stability") > 1


def test_a_job_that_is_to_stop_begins_no_source_and_still_ends_its_report(tmp_path, zoo):
    settings = Settings(load_zoo(str(zoo)), ("*",), Sampling(), torch.device("cpu"))
    said, stop = Recorded(), Stop()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        run_job(Store(tmp_path), ["a.mp4"], settings, events=said, stop=stop)
    assert said == [RunStarted(("a.mp4",)), RunEnded()]


def test_a_job_that_is_interrupted_at_a_remark_has_begun_and_ends_its_report(tmp_path, zoo):
    class Interrupted(Recorded):
        def emit(self, event: Event) -> None:
            super().emit(event)
            if isinstance(event, Note):
                raise KeyboardInterrupt

    settings, said = Settings(load_zoo(str(zoo)), ("*",), Sampling(), torch.device("cpu")), Interrupted()
    with pytest.raises(KeyboardInterrupt):
        run_job(Store(tmp_path), ["a.mp4"], settings, remarks=["1 video"], events=said)
    assert said == [RunStarted(("a.mp4",)), Note("1 video"), RunEnded()]


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
    ended = subprocess.run(command, check=False, cwd=ROOT, stdout=writer, stderr=writer)
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
    assert "2 videos; skipped (not a video or picture by name): notes.txt" in result.stdout
    report = last_report(tmp_path / "store")
    assert report is not None
    assert [Path(item.source).name for item in report.items] == ["a.mp4", "b.mp4", "missing.mp4"]
