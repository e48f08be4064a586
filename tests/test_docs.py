"""What the documents name exists, and what they show is what the commands print."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from typer.main import get_command

from cache.pack import build_pack
from cache.records import Clip, Head, Pack
from consistency.domains import DOMAINS
from precompute.__main__ import app

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / "training" / "README.md"]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
SHOWN_OUTPUT = ("README.md", "docs/store.md")
"""Documents whose ```console blocks are run, in this order and in one store."""


def commands_below(group, name: str = "") -> dict:
    """Every command by its words, those of groups as well: `run`, `zoo`, `zoo pull`."""
    found = {}
    for word, command in group.commands.items():
        found[f"{name}{word}"] = command
        found |= commands_below(command, f"{word} ") if hasattr(command, "commands") else {}
    return found


def test_every_command_of_the_documents_exists():
    commands = commands_below(get_command(app))
    named = set(re.findall(r"python -m precompute (\w+)", TEXT))
    named |= {f"zoo {word}" for word in re.findall(r"python -m precompute zoo (\w+)", TEXT)}
    assert "run" in named and named <= set(commands)
    options = {option for command in commands.values() for parameter in command.params for option in parameter.opts}
    for line in re.findall(r"python -m precompute .*", TEXT):
        assert set(re.findall(r"(?<![-\w])--[a-z-]+", line)) <= options, line


def test_the_readme_names_every_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in get_command(app).commands:
        assert f"`{name}`" in readme or f"precompute {name}" in readme


def test_every_make_target_of_the_documents_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^)make ([a-z-]+)", TEXT, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_is_there(document):
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / link).exists(), link


def test_every_requirements_file_of_the_documents_exists():
    named = set(re.findall(r"-r ([\w./-]+\.(?:txt|lock))", TEXT))
    assert "requirements/web.txt" in named
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_the_readmes_map_names_every_folder_that_git_tracks():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code_map,) = re.findall(r"## Map of the code\n\n```\n(.*?)```", readme, re.DOTALL)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = {line.split("/")[0] for line in listed.splitlines() if "/" in line}
    assert set(re.findall(r"^(\w+)/", code_map, re.MULTILINE)) == {name for name in tracked if name[0] != "."}


def test_the_readmes_map_names_every_part_of_the_dashboard_and_each_file_of_its_server():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = re.findall(r"^dashboard/ .*\n(?: .*\n)+", readme, re.MULTILINE)[0]
    folder = ROOT / "dashboard"
    folders = {path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert set(re.findall(r"(\w+)/", row)) == folders | {"dashboard"}
    server, own = re.findall(r"server/ ([^;]+);.*its own modules:(.+)", row, re.DOTALL)[0]
    for text, place in ((server, folder / "server"), (own, folder)):
        modules = {path.stem for path in place.glob("*.py")} - {"__init__"}
        assert modules <= set(re.findall(r"\w+", text)), place


def test_no_docstring_is_a_fragment_that_begins_with_of():
    listed = subprocess.run(["git", "ls-files", "*.py", "*.mjs"], cwd=ROOT, capture_output=True, text=True, check=True)
    fragment = re.compile(r'^ *("""|/\*\*) ?Of ', re.MULTILINE)
    assert fragment.search('"""Of the clip, in seconds."""') and fragment.search("  /** Of the plot, in pixels. */")
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in listed.stdout.splitlines()}
    assert not [name for name, text in texts.items() if fragment.search(text)]


def test_ci_runs_the_readmes_test_command():
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert "make test" in (ROOT / "README.md").read_text()
    plan = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pytest" in plan


def test_commands_print_what_the_documents_show(tmp_path):
    """`...` in a shown line stands for anything; sizes, times, measured values and digests are not compared."""
    environment = {
        **os.environ,
        "CROSSCHECK_STORE": "my-store",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(ROOT),
    }
    shown = [step for name in SHOWN_OUTPUT for step in shown_commands((ROOT / name).read_text(encoding="utf-8"))]
    assert len(shown) >= len(SHOWN_OUTPUT)
    for command, expected in shown:
        program, *arguments = shlex.split(command)
        assert program == "python", command
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert_shows(done.stdout, expected, command)


def test_the_stable_formats_are_listed_field_by_field():
    document = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8")
    manifest = {
        "schema",
        "digest",
        "packs",
        *names_of(Head),
        *names_of(Clip),
        *names_of(Pack),
        *DOMAINS["rgb"].record(),
    }
    images = [b"one", b"two"]
    pack = build_pack(images, codec="png", width=1, height=1, channels=1, columns={}, previews=images)
    header = json.loads(pack[12 : pack.index(b"}}") + 2])
    for name in (*manifest, *header, *header["previews"]):
        assert f"`{name}`" in document, name


def test_the_stable_events_are_listed_field_by_field(tmp_path):
    document = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8")
    command = [sys.executable, "-m", "precompute", "run", "nowhere.mp4", "--json", "--store", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["started", "failed", "done"]
    for event in events:
        (row,) = re.findall(rf"^\| `{event['event']}` \| (.*)", document, re.MULTILINE)
        assert re.findall(r"`(\w+)`", row) == [name for name in event if name not in ("event", "time")]


def names_of(record) -> list[str]:
    return [field.name for field in fields(record)]


def test_a_shown_number_that_is_a_fact_is_compared_and_a_measured_one_is_not():
    assert_shows("41 frames in 9 s (3.1 frames/s)", "41 frames in 3 s (15.7 frames/s)", "")
    assert_shows("lab  2   baseline, cycle  MIT", "lab  2  baseline, ...  MIT", "")
    with pytest.raises(AssertionError):
        assert_shows("40 frames in 3 s", "41 frames in 3 s", "")


def shown_commands(document: str) -> list[tuple[str, str]]:
    """(command, output) of each `$ ` line in the ```console blocks, but those that only set up the shell."""
    blocks = re.findall(r"^```console\n(.*?)^```", document, re.DOTALL | re.MULTILINE)
    steps = [step.partition("\n") for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in steps if not command.startswith(". ")]


def assert_shows(printed: str, expected: str, command: str) -> None:
    found, wanted = (compared(text) for text in (printed, expected))
    pattern = ".*".join(map(re.escape, wanted.split("...")))
    assert re.fullmatch(pattern, found), f"{command}\nprinted:\n{found}\nthe document shows:\n{wanted}"


def compared(output: str) -> str:
    """The output without what differs between two machines or two runs."""
    output = re.sub(r"\bon (cpu|cuda[\w:, ]*) \(.*\)", "on DEVICE", output)
    output = re.sub(r"\b[0-9a-f]{12}\b", "DIGEST", output)
    output = re.sub(r"-?\d+\.\d+", "NUMBER", output)
    output = re.sub(r"\b(\d+ min )?\d+(?= (MB|s)\b)", "NUMBER", output)  # a busy machine needs minutes
    return "\n".join(" ".join(line.split()) for line in output.splitlines() if line.strip())
