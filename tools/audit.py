"""Has anything that is installed or locked a known hole? `make audit`; exit code 1 where it has, or none could be looked for.

pip-audit asks for what is known of every locked version. Where its data cannot be reached, that is said, and what stays is
the check of the FFmpegs that come inside PyAV and OpenCV, which no list of packages shows.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements/all.lock", "requirements/torch.lock")
SHIPPED = ("analysis", "cache", "consistency", "dashboard", "precompute", "training")
PIP_AUDIT = ROOT / ".venv-tools" / "bin" / "pip-audit"
SECONDS = 300
UNREACHED = re.compile(
    r"your network may be blocking|requests\.exceptions\.(ConnectionError|\w*Timeout|SSLError|ProxyError|HTTPError)"
)
"""What pip-audit says where its data cannot be reached."""

ACCEPTED = {
    "CVE-2025-69872": "diskcache unpickles what it finds: ours refuses pickles on read and write (cache/index.py, with a test)",
}
"""Known holes that do not reach us -> why."""

SAFE_AVCODEC = (62, 28, 102)
"""libavcodec of FFmpeg 8.1.2; 62.28.101 (8.1.1) is exposed to CVE-2026-8461."""


def main() -> int:
    failures = [*audit_packages(), *audit_ffmpeg()]
    for failure in failures:
        print(f"wrong: {failure}")
    print(f"audit: {len(failures)} wrong" if failures else "audit: no hole found in what could be looked up")
    return 1 if failures else 0


def audit_packages() -> Iterator[str]:
    """What pip-audit knows of the locked versions, or why it could not be asked."""
    for name in LOCKS:
        try:
            report = ask_pip_audit(ROOT / name)
        except RuntimeError as error:
            yield f"{name} is unchecked: {error}"
            continue
        looked_up = [row for row in report if "skip_reason" not in row]
        if not looked_up:
            print(f"{name}: the data of pip-audit cannot be reached from here; its versions are unchecked")
            continue
        print(f"{name}: {len(looked_up)} of {len(report)} versions looked up")
        for row in looked_up:
            yield from known_holes(row)


def ask_pip_audit(lock: Path) -> list[dict]:
    """A row per package; none where the network is at fault. Raises RuntimeError where pip-audit is."""
    command = [PIP_AUDIT, "--disable-pip", "--require-hashes", "-r", lock, "-f", "json", "--progress-spinner", "off"]
    try:
        answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return []
    except OSError as error:
        raise RuntimeError(f"{PIP_AUDIT} cannot be run ({error.strerror}); run `make audit`") from None
    try:
        return list(json.loads(answer.stdout)["dependencies"])
    except (ValueError, KeyError, TypeError):
        if UNREACHED.search(answer.stderr):
            return []
        last_line = (answer.stderr.strip() or answer.stdout.strip() or "no word").splitlines()[-1]
        raise RuntimeError(f"pip-audit ended with {answer.returncode}: {last_line[:300]}") from None


def known_holes(row: dict) -> Iterator[str]:
    for hole in row.get("vulns", []):
        names = [hole["id"], *hole.get("aliases", [])]
        accepted = next((ACCEPTED[name] for name in names if name in ACCEPTED), None)
        if accepted:
            print(f"{row['name']} {row['version']}: {names[0]} does not reach us: {accepted}")
        else:
            fixed = ", ".join(hole.get("fix_versions", [])) or "no version"
            yield f"{row['name']} {row['version']}: {', '.join(names)}; fixed in {fixed}"


def audit_ffmpeg() -> Iterator[str]:
    """PyAV decodes what comes from outside, so its FFmpeg must be safe; OpenCV's must not be used at all."""
    import av
    import cv2

    ours = av.library_versions["libavcodec"]
    print(f"PyAV {av.__version__}: libavcodec {dotted(ours)}")
    if ours < SAFE_AVCODEC:
        yield f"PyAV {av.__version__}: libavcodec {dotted(ours)}; {dotted(SAFE_AVCODEC)} is the oldest safe one"
    found = re.search(r"avcodec:\s+YES \((\d+)\.(\d+)\.(\d+)\)", cv2.getBuildInformation())
    if found and (theirs := tuple(map(int, found.groups()))) < SAFE_AVCODEC:
        users = users_of_opencv_video()
        print(
            f"OpenCV {cv2.__version__}: libavcodec {dotted(theirs)}, not safe; {len(users)} of our files read video with it"
        )
        yield from (f"{user} reads video with OpenCV, whose libavcodec is {dotted(theirs)}; use PyAV" for user in users)


def users_of_opencv_video(folders: tuple[str, ...] = SHIPPED, root: Path = ROOT) -> list[str]:
    """Files that open videos with OpenCV."""
    return [
        str(path.relative_to(root))
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
        if any(
            isinstance(node, ast.Attribute) and node.attr in ("VideoCapture", "VideoWriter")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


if __name__ == "__main__":
    sys.exit(main())
