"""Make sure that there is a Chromium for the browser tests: the system's, Debian's package, or Playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def find_browser() -> str | None:
    """The path of a Chromium: $CROSSCHECK_CHROMIUM, one on the PATH, or the one that Playwright installed."""
    named = os.environ.get("CROSSCHECK_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if named:
        return named
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def install() -> bool:
    """Install one; True if it is there afterwards."""
    apt = shutil.which("apt-get")
    if apt:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for command in ([*prefix, apt, "update", "-qq"], [*prefix, apt, "install", "-y", "-qq", "chromium"]):
            if subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=quiet).returncode:
                break
    if not find_browser():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return find_browser() is not None


if __name__ == "__main__":
    if not find_browser() and not install():
        sys.exit("error: no Chromium; install one (apt-get install chromium), or name it in CROSSCHECK_CHROMIUM")
    print(f"browser: {find_browser()}")
