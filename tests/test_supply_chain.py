"""What is installed is what was locked, and nothing that is read can run code."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools import audit

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements/all.lock", "requirements/torch.lock", "requirements/web.lock")

PICKLE_MODULES = {"pickle", "_pickle", "cPickle", "shelve", "marshal", "dill", "joblib", "cloudpickle", "jsonpickle"}
TENSORS_ONLY = (
    "precompute/zoos/convert_process.py",
    "precompute/zoos/hub/export_process.py",
    "training/learning/checkpoints.py",
)
"""Read checkpoints with `weights_only`: released ones, in a child process, and those that the same training wrote."""
BEHIND_ALLOW_CODE = {"consistency/zoo/networks/formats.py": ["torch.jit.load", "torch.export.load"]}
"""Networks of others that are programs; `load_zoo` refuses them without --allow-code (tests/test_own_networks.py)."""


def locked(name: str) -> dict[str, list[tuple[str, list[str]]]]:
    """Package -> its pinned lines (one for each marker), each with its hashes."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for entry in re.sub(r"\\\n", " ", (ROOT / name).read_text()).splitlines():
        if entry and not entry.lstrip().startswith("#"):
            pin = entry.split("--hash")[0].strip()
            found.setdefault(Requirement(pin).name, []).append((pin, re.findall(r"--hash=(\S+)", entry)))
    return found


def listed(name: str) -> dict[str, Requirement]:
    """The short list, with the lists that it names."""
    found: dict[str, Requirement] = {}
    for line in (ROOT / name).read_text().splitlines():
        if line.startswith("-r "):
            found |= listed(line[3:].strip())
        elif line and not line.startswith("#"):
            found[Requirement(line).name] = Requirement(line)
    return found


def test_vendored_browser_code_is_what_its_readme_states_and_names_its_licence():
    folder = ROOT / "dashboard" / "web" / "vendor"
    stated = dict(re.findall(r"SHA-256 of `([\w.]+)`: `([0-9a-f]{64})`", (folder / "README.md").read_text()))
    assert stated == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.mjs")}
    for name in stated:
        assert "Mozilla Public License" in (folder / name).read_text(encoding="utf-8")[:800]
        assert (folder / name).with_suffix(".LICENSE").read_text().startswith("Mozilla Public License Version 2.0")


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_one_version_and_hashes_and_no_host(name):
    text = (ROOT / name).read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    for package, pins in locked(name).items():
        for pin, hashes in pins:
            assert [specifier.operator for specifier in Requirement(pin).specifier] == ["=="], pin
            assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", text) for text in hashes), pin
        assert len(pins) == 1 or all(Requirement(pin).marker for pin, _ in pins), package


@pytest.mark.parametrize(
    ("short", "locks"),
    [("requirements.txt", ("requirements/all.lock", "requirements/torch.lock")), ("requirements/web.txt", LOCKS[2:])],
)
def test_the_locks_hold_what_the_short_lists_ask_for(short, locks):
    pinned = {package: pins for lock in locks for package, pins in locked(lock).items()}
    for package, wanted in listed(short).items():
        version = next(iter(Requirement(pinned[package][0][0]).specifier)).version
        assert wanted.specifier.contains(version, prereleases=True), f"{package} {version}; run: make lock"


@pytest.mark.parametrize("name", ["requirements/all.lock", "requirements/web.lock"])
def test_what_the_sign_in_needs_is_locked_too(name):
    assert listed("requirements/web.txt")["streamlit"].extras == {"auth"}
    assert {"authlib", "httpx", "cryptography"} <= set(locked(name))


def test_the_locks_agree_where_they_overlap():
    pins: dict[str, set[str]] = {}
    for name in LOCKS:
        for package, lines in locked(name).items():
            pins.setdefault(package, set()).add(" | ".join(sorted(pin.split(";")[0].strip() for pin, _ in lines)))
    assert not {package: found for package, found in pins.items() if len(found) > 1}


def test_the_dashboards_lock_brings_no_torch():
    assert not {"torch", "av", "yt-dlp", "opencv-python-headless"} & set(locked("requirements/web.lock"))


# --- code that reading could run ---


def shipped() -> list[tuple[str, ast.Module]]:
    return [
        (str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8")))
        for folder in audit.SHIPPED
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def unpicklers(tree: ast.AST) -> list[str]:
    """What in a file can unpickle: modules, `torch.load` and its like, `allow_pickle`, `read_pickle`."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in PICKLE_MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PICKLE_MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Attribute):
            name = ast.unparse(node)
            is_loader = name in ("torch.load", "torch.jit.load", "torch.export.load") or node.attr == "read_pickle"
            found += [name] if is_loader else []
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found += [] if isinstance(node.value, ast.Constant) and node.value.value is False else ["allow_pickle"]
    return found


def test_no_pickle_is_read_but_for_tensors_alone_or_where_code_is_allowed():
    found = {path: names for path, tree in shipped() if (names := unpicklers(tree)) and path not in TENSORS_ONLY}
    assert found == BEHIND_ALLOW_CODE


@pytest.mark.parametrize("path", TENSORS_ONLY)
def test_checkpoints_are_read_for_their_tensors_alone(path):
    tree = dict(shipped())[path]
    loads = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load"]
    assert unpicklers(tree) == ["torch.load"] * len(loads) != []
    for call in loads:
        assert [ast.literal_eval(word.value) for word in call.keywords if word.arg == "weights_only"] == [True]


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.jit.load(path)",
        "numpy.load(path, allow_pickle=True)",
        "pandas.read_pickle(path)",
    ],
)
def test_the_search_for_pickles_finds_them(line):
    assert unpicklers(ast.parse(line))


def test_no_message_between_processes_is_unpickled():
    """`Connection.recv` unpickles; `recv_bytes` does not."""
    for path, tree in shipped():
        if not path.startswith("training/"):
            assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "recv"], (
                path
            )


# --- the audit ---


def test_the_bundled_ffmpeg_that_decodes_is_safe_and_the_other_is_not_used():
    assert list(audit.audit_ffmpeg()) == []


def test_the_search_for_video_read_with_opencv_finds_it(tmp_path):
    (tmp_path / "precompute").mkdir()
    (tmp_path / "precompute" / "fast.py").write_text("import cv2\ncv2.VideoCapture('x.mp4')\n")
    assert audit.users_of_opencv_video(("precompute",), tmp_path) == ["precompute/fast.py"]


def test_a_known_hole_is_told_unless_it_is_accepted():
    def row(name: str) -> dict:
        return {
            "name": "diskcache",
            "version": "5.6.3",
            "vulns": [{"id": "GHSA-1", "aliases": [name], "fix_versions": []}],
        }

    assert len(list(audit.known_holes(row("CVE-2020-1")))) == 1
    assert list(audit.known_holes(row(next(iter(audit.ACCEPTED))))) == []


def test_packages_that_nobody_could_look_up_are_not_called_checked(monkeypatch, capsys):
    monkeypatch.setattr(audit, "ask_pip_audit", lambda lock: [{"name": "numpy", "skip_reason": "not found"}])
    assert list(audit.audit_packages()) == [] and "cannot be reached" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo 'ERROR: Tip: your network may be blocking this service.' >&2; exit 1", None),
        ("echo 'requests.exceptions.ConnectionError: refused' >&2; exit 1", None),
        ("echo 'ImportError: no module named toml' >&2; exit 1", "ended with 1: ImportError"),
        ("echo '{}'", "ended with 0: {}"),
        ("exit 3", "ended with 3: no word"),
        (None, "cannot be run"),
    ],
)
def test_only_a_network_that_fails_excuses_the_audit(script, expected, tmp_path, monkeypatch, capsys):
    if script is not None:
        (tmp_path / "pip-audit").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "pip-audit").chmod(0o755)
    monkeypatch.setattr(audit, "PIP_AUDIT", tmp_path / "pip-audit")
    found = list(audit.audit_packages())
    assert len(found) == (len(audit.LOCKS) if expected else 0) and all(str(expected) in text for text in found)
    assert ("cannot be reached" in capsys.readouterr().out) == (expected is None)
