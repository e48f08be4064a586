"""Who may see the dashboard? Everyone or, where sign-in is configured, whoever has signed in.

Sign-in is Streamlit's own (OpenID Connect, `[auth]` in its secrets.toml) and guards the page. The files beside it, packs,
frames and series, are fetched by links of the page that carry a pass: a day and its signature. It is good until the next
day (UTC) has ended, and the same for everybody that day, so that browsers keep what they have fetched.
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
    """Sign-in is configured in a way that would not keep anybody out; the message says what to change."""


def needs_sign_in() -> bool:
    """Whether an `[auth]` section is configured. Raises BadSignIn where its cookie_secret could be guessed, and where
    nobody can tell, as secrets.toml is there and cannot be read."""
    if not st.secrets.load_if_toml_exists():
        if unread := [path for path in config.get_option("secrets.files") if Path(path).exists()]:
            raise BadSignIn(f"{Path(unread[0]).name} cannot be read: mend its permissions, or what is not TOML in it")
        return False
    if "auth" not in st.secrets:
        return False
    if len(str(st.secrets["auth"].get("cookie_secret", ""))) < MIN_SECRET_LETTERS:
        raise BadSignIn(
            f"cookie_secret in [auth] of secrets.toml needs {MIN_SECRET_LETTERS} letters or more; make one: "
            "python -c 'import secrets; print(secrets.token_hex())'"
        )
    return True


def is_let_in() -> bool:
    """Whether the visitor of this session may see the page."""
    return not needs_sign_in() or st.user.is_logged_in


def link_pass() -> str:
    """What links of the page have to carry; empty where no sign-in is configured. Asked for only by pages of people let in."""
    return _pass_of(_today()) if needs_sign_in() else ""


def may_fetch(given: str) -> bool:
    """Whether a link with that pass is answered."""
    if not needs_sign_in():
        return True
    days = (_today(), _today() - timedelta(days=1))
    return any(hmac.compare_digest(given.encode(), _pass_of(day).encode()) for day in days)


def _pass_of(day: date) -> str:
    secret = str(st.secrets["auth"]["cookie_secret"]).encode()
    return f"{day:%Y%m%d}-{hmac.new(secret, f'crosscheck links of {day}'.encode(), hashlib.sha256).hexdigest()}"


def _today() -> date:
    return datetime.now(UTC).date()
