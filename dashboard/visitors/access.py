"""Who may see the dashboard: everyone, or those who have signed in where sign-in is configured.

Sign-in is Streamlit's own (OpenID Connect, `[auth]` in its secrets.toml) and guards the page. The files beside it (packs,
frames and series) are fetched through links of the page that carry a pass: a day and its signature. A pass is valid until
the end of the next day (UTC), and the same for everybody that day, so that browsers can cache what they have fetched.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import streamlit as st
from streamlit import config

PASS = "pass"
"""The parameter of a link that carries the pass."""
MIN_SECRET_LETTERS = 16


class BadSignIn(Exception):
    """Sign-in is configured so that it would keep nobody out; the message says what to change."""


def require_secrets_of(root: Path) -> None:
    """Read the secrets.toml of the project too, from whatever folder the server is started: Streamlit itself looks only there,
    beside app.py and in the home folder, and without its `[auth]` the page would be open to everyone."""
    own = str(root / ".streamlit" / "secrets.toml")
    files = list(config.get_option("secrets.files"))
    if own not in files and not config.is_manually_set("secrets.files"):
        config.set_option("secrets.files", [own, *files])


def needs_sign_in() -> bool:
    """True if an `[auth]` section is configured. Raises BadSignIn if its cookie_secret could be guessed, or if secrets.toml
    exists and cannot be read."""
    if not st.secrets.load_if_toml_exists():
        if unread := [path for path in config.get_option("secrets.files") if Path(path).exists()]:
            raise BadSignIn(f"{Path(unread[0]).name} cannot be read; fix its permissions or its TOML")
        return False
    if "auth" not in st.secrets:
        return False
    if len(str(st.secrets["auth"].get("cookie_secret", ""))) < MIN_SECRET_LETTERS:
        raise BadSignIn(
            f"cookie_secret in [auth] of secrets.toml needs at least {MIN_SECRET_LETTERS} characters; generate one: "
            "python -c 'import secrets; print(secrets.token_hex())'"
        )
    return True


def is_let_in() -> bool:
    """True if the visitor of this session may see the page."""
    return not needs_sign_in() or st.user.is_logged_in


def pass_query() -> str:
    """What links of the page end in: `?pass=...` if sign-in is configured, else nothing. Only for pages already let in."""
    return f"?{PASS}={_pass_of(_today())}" if needs_sign_in() else ""


def may_fetch(given: str) -> bool:
    """True if a link with that pass is answered."""
    if not needs_sign_in():
        return True
    days = (_today(), _today() - timedelta(days=1))
    return any(hmac.compare_digest(given.encode(), _pass_of(day).encode()) for day in days)


def _pass_of(day: date) -> str:
    secret = str(st.secrets["auth"]["cookie_secret"]).encode()
    return f"{day:%Y%m%d}-{hmac.new(secret, f'crosscheck links of {day}'.encode(), hashlib.sha256).hexdigest()}"


def _today() -> date:
    return datetime.now(UTC).date()
