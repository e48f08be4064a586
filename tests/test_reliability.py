"""Is every promise of reliability kept, at the small size of each, and does the harness tell where one is not?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reliability
from precompute.failures import SourceError
from precompute.media import decoder
from reliability import Outcome, Promise, __main__, all_promises
from reliability.promises import dashboard, urls
from reliability.promises import media as hostile_media
from tests.fixtures import media
from tests.fixtures.web.waits import wait_until


@pytest.mark.parametrize("promise", all_promises(), ids=lambda promise: promise.name)
def test_the_promise_is_kept(promise: Promise, tmp_path: Path) -> None:
    outcome = promise.attempt(promise.small, tmp_path, 0)
    assert promise.is_kept(outcome), f"{promise.sentence}: {outcome}"


def test_the_witness_of_connections_sees_them_where_there_is_no_guard(tmp_path: Path) -> None:
    rows = urls.run_tries("unguarded", 12, 0, tmp_path / "unguarded")
    wrong = [" ".join(row["wrong"]) for row in rows]
    assert any(
        "connected to ('127.0.0.1'" in text and "heard by a server" in text and "gave the bytes" in text
        for text in wrong
    )


# --- the harness ---


def made_up(name: str, failures: int, number: int = 1, allowed_rate: float = 0.0) -> Promise:
    def attempt(tries: int, folder: Path, seed: int) -> Outcome:
        """Nothing is tried."""
        assert folder.is_dir() and not list(folder.iterdir())
        return Outcome(tries, failures, f"seed | {seed}", ("number 3",) * bool(failures))

    return Promise(number, name, f"{name} holds", "tries", 1, 100, attempt, allowed_rate)


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(__main__, "DOCS", tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, made: list[Promise], *arguments: str) -> int:
    monkeypatch.setattr(__main__, "all_promises", lambda: made)
    return __main__.main(list(arguments))


def test_a_promise_that_is_not_kept_is_reported_and_exits_1(docs, monkeypatch, capsys) -> None:
    assert run(monkeypatch, [made_up("good", 0), made_up("bad", 2)], "--write") == 1
    said = capsys.readouterr().out
    assert "1. good: 100 tries, 0 failures, kept" in said and "1. bad: 100 tries, 2 failures, NOT KEPT" in said
    assert "number 3" in said and "2 promises tried, 1 not kept (0.0 min)" in said
    table = (docs / "reliability.md").read_text()
    assert "| 100 tries | 2 | **no** |" in table and "| 100 tries | 0 | yes |" in table and "seed \\| 0" in table


def test_kept_promises_exit_0_and_the_scale_sets_the_tries(docs, monkeypatch, capsys) -> None:
    assert run(monkeypatch, [made_up("good", 0)], "--scale", "0.1", "--seed", "7") == 0
    assert "10 tries" in capsys.readouterr().out
    assert not list(docs.iterdir())


def test_failures_within_what_a_promise_allows_keep_it(docs, monkeypatch) -> None:
    assert run(monkeypatch, [made_up("nearly", 1, allowed_rate=0.01)]) == 0
    assert run(monkeypatch, [made_up("nearly", 2, allowed_rate=0.01)]) == 1


def test_a_try_that_ends_in_an_error_is_a_promise_not_kept_and_the_others_are_tried(docs, monkeypatch, capsys) -> None:
    def fail(tries: int, folder: Path, seed: int) -> Outcome:
        raise OSError("no space")

    broken = Promise(2, "broken", "it holds", "tries", 1, 5, fail)
    assert run(monkeypatch, [broken, made_up("good", 0)]) == 1
    said = capsys.readouterr().out
    assert "OSError: no space" in said and "good: 100 tries" in said


def test_trying_some_keeps_the_figures_of_the_others(docs, monkeypatch) -> None:
    made = [made_up("second", 0, number=2), made_up("first", 0, number=1)]
    assert run(monkeypatch, made, "--write") == 0
    before = json.loads((docs / "reliability.json").read_text())
    assert [record["name"] for record in before] == ["first", "second"]
    assert run(monkeypatch, made, "--write", "--only", "second", "--seed", "5") == 0
    after = json.loads((docs / "reliability.json").read_text())
    assert after[0] == before[0] and (before[1]["seed"], after[1]["seed"]) == (0, 5)


def test_an_unknown_name_is_wrong_usage(docs, monkeypatch, capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, [made_up("good", 0)], "--only", "goood")
    assert caught.value.code == 2 and "goood" in capsys.readouterr().err


def test_every_promise_has_a_name_of_its_own_and_the_table_is_what_was_measured() -> None:
    names = [promise.name for promise in all_promises()]
    assert len(set(names)) == len(names)
    assert {promise.number for promise in all_promises()} <= set(range(1, 21))
    records = __main__.read(__main__.DOCS)
    assert (__main__.DOCS / __main__.TABLE).read_text() == __main__.table(records)
    assert {record.name for record in records} == set(names), "make torture"
    assert reliability.MODULES


@pytest.mark.parametrize("promise", all_promises(), ids=lambda promise: promise.name)
def test_every_promise_tells_in_a_sentence_how_it_is_tried(promise: Promise) -> None:
    assert promise.how[0].isupper() and promise.how.endswith(".") and len(promise.how.split()) >= 6, promise.how
    assert "(func" not in promise.how


def test_figures_of_another_version_are_read(docs, monkeypatch) -> None:
    made = [made_up("good", 0)]
    assert run(monkeypatch, made, "--write") == 0
    (entry,) = json.loads((docs / "reliability.json").read_text())
    before = (docs / "reliability.md").read_text()
    (docs / "reliability.json").write_text(json.dumps([entry | {"how": "partial(func)", "weather": "fine"}]))
    __main__.write(docs, [])
    assert (docs / "reliability.md").read_text() == before and "Nothing is tried." in before
    assert json.loads((docs / "reliability.json").read_text()) == [entry]


# --- the fuzzer of media sees what breaks the promise ---


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ValueError("n"), "the job met ValueError"),
        (SourceError("damaged", "x" * 600), "its message"),
        (SourceError("unreadable", "clip.mp4: cannot be read"), "blames the disk"),
    ],
)
def test_an_error_that_is_not_a_named_one_of_one_line_counts_as_a_fault(error, fault, tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise error

    path = media.write_video(tmp_path / "clip.mp4", 1)
    monkeypatch.setattr(decoder, "probe", fail)
    assert fault in hostile_media.try_file(path, hostile_media.WHOLE_PICTURE)["fault"]


def test_a_file_that_takes_too_long_counts_as_a_fault(tmp_path, monkeypatch) -> None:
    path = media.write_video(tmp_path / "clip.mp4", 1)
    assert not hostile_media.try_file(path, hostile_media.WHOLE_PICTURE)["fault"]
    monkeypatch.setattr(hostile_media, "MAX_SECONDS", 0.0)
    assert hostile_media.try_file(path, hostile_media.WHOLE_PICTURE)["fault"].startswith("took")


def test_a_job_that_dies_while_a_file_is_tried_is_no_success(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="KeyError"):
        list(hostile_media.results("no such task", 2, tmp_path, 0))


def test_a_job_beside_the_viewers_that_dies_is_no_success(tmp_path) -> None:
    (tmp_path / "store").write_text("a file where the folder should be")
    with dashboard.the_real_job(tmp_path / "store") as failed:
        wait_until(failed, "the end of the job")
        (told,) = failed()
    assert "ended with 2" in told and "--store DIR" in told


def test_equal_seeds_try_equal_files(tmp_path) -> None:
    random = [hostile_media.np.random.default_rng([3, 7]) for _ in range(2)]
    content = media.write_case(tmp_path, "b-frames.mp4").path.read_bytes()
    changed = []
    for mutate in hostile_media.MUTATORS:
        first, second = (mutate(source, content, content[::-1]) for source in random)
        assert first == second, mutate.__name__
        changed.append(first != content)  # one that swaps two equal words changes nothing
    assert sum(changed) > len(changed) / 2
