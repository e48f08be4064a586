"""The commands that ask for work, list it, and do it: `ask`, `requests`, `cancel` and `serve`."""

from __future__ import annotations

from precompute.cli.requests.ask import ask
from precompute.cli.requests.cancel import cancel
from precompute.cli.requests.list_requests import list_requests
from precompute.cli.requests.serve import serve

REQUEST_COMMANDS = {"ask": ask, "requests": list_requests, "cancel": cancel, "serve": serve}
"""In the order of the help."""
