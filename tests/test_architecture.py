"""The arrows of the design hold: contracts in pyproject.toml say which part may import which."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("analysis", "cache", "consistency", "dashboard", "precompute", "training")
LINTER = Path(sys.executable).with_name("lint-imports")


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINTER, "--no-cache"], cwd=folder, check=False, capture_output=True, text=True)


def test_the_arrows_hold():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("dashboard/text.py", "import torch"),
        ("dashboard/text.py", "from precompute import failures"),
        ("consistency/energy.py", "from cache import keys"),
        ("precompute/jobs/output/encode.py", "import rich"),
        ("cache/keys.py", "from cache import store"),
    ],
)
def test_an_import_against_the_arrows_is_reported(module, line, tmp_path):
    for part in PARTS:
        for path in (ROOT / part).rglob("*.py"):
            to = tmp_path / path.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / module
    path.write_text(f"{line}\n{path.read_text()}")
    done = lint(tmp_path)
    assert done.returncode == 1 and "BROKEN" in done.stdout, done.stdout


def test_only_the_index_uses_diskcache():
    users = [path for part in PARTS for path in (ROOT / part).rglob("*.py") if "diskcache" in imported(path)]
    assert users == [ROOT / "cache" / "index.py"]


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("module", ["consistency.domains", "precompute.media.decoder_process", "precompute.__main__"])
def test_modules_that_start_quickly_do_not_import_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_continuous_integration_and_pre_commit_run_the_gates():
    steps = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [step for step in steps if step.startswith("make ")] == ["make lint", "make test", "make audit"]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    gates = subprocess.run(["make", "--dry-run", "lint"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for tool in ("ruff format --check", "ruff check", "pyright", "lint-imports", "tsc", "biome"):
        assert tool in gates
    assert "entry: make lint-python" in hooks and "entry: make lint-web" in hooks
