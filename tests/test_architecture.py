"""The arrows of the design: which part may import which."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "analysis": {"torch", "scipy", "streamlit", "consistency", "precompute", "dashboard", "training"},
    "cache": {"torch", "streamlit", "consistency", "precompute", "dashboard", "training"},
    "dashboard": {"torch", "cv2", "av", "consistency", "precompute", "training"},
    "consistency": {"cache", "precompute", "dashboard", "training", "streamlit", "av"},
    "precompute": {"dashboard", "streamlit", "training"},
    "training": {"dashboard", "streamlit"},
}


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports anywhere."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("part", FORBIDDEN)
def test_no_part_imports_against_the_arrows(part):
    files = list((ROOT / part).rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(ROOT)): bad for path in files if (bad := imported(path) & FORBIDDEN[part])}
    assert not wrong


def test_only_the_store_uses_diskcache():
    users = [path for part in FORBIDDEN for path in (ROOT / part).rglob("*.py") if "diskcache" in imported(path)]
    assert users == [ROOT / "cache" / "index.py"]


@pytest.mark.parametrize("module", ["consistency.domains", "precompute.media.decoder_process", "precompute.__main__"])
def test_modules_that_start_quickly_do_not_import_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
