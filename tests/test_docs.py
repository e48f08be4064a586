"""What the README says can be called can be called."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from precompute.cli.run import app

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(path for path in ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)


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


def test_ci_runs_the_readmes_test_command():
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert "make test" in (ROOT / "README.md").read_text()
    plan = subprocess.run(["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "pytest" in plan
