"""Make sure that there is a Chromium for the browser tests: the system's, Debian's package, or Playwright's own.

The headless shell, the same engine without the windows of a browser, opens the page for three quarters of the CPU time. Tests,
torture, benchmarks and the README's pictures all use what `find_browser` finds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
PACKAGES = ("chromium-headless-shell", "chromium")
"""Debian's, the first that there is."""


def find_browser() -> str | None:
    """The path of a Chromium: $CROSSCHECK_CHROMIUM, one on the PATH, or the one that Playwright installed."""
    for path in (os.environ.get("CROSSCHECK_CHROMIUM"), *map(shutil.which, NAMES)):
        if path:
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def install() -> bool:
    """Install one; True if it is there afterwards."""
    apt = shutil.which("apt-get")
    if apt:
        prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]

        def run(*words: str) -> bool:
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            command = [*prefix, apt, *words]
            return subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=environment).returncode == 0

        if run("update", "-qq"):
            for package in PACKAGES:
                if run("install", "-y", "-qq", package):
                    break
    if not find_browser():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return find_browser() is not None


if __name__ == "__main__":
    if not find_browser() and not install():
        sys.exit("error: no Chromium; install one (apt-get install chromium), or name it in CROSSCHECK_CHROMIUM")
    print(f"browser: {find_browser()}")
