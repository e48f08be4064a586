"""The player alone, for its tests: `streamlit run tests/browser/player_app.py` serves player_page.py with the real routes."""

import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from cache.store import Store, default_root  # noqa: E402
from dashboard.server.routes import player_routes  # noqa: E402
from dashboard.server.send_at_once import SendAtOnce  # noqa: E402

app = st.App(
    str(Path(__file__).with_name("player_page.py")),
    routes=player_routes(Store(default_root(), read_only=True), base_path=st.get_option("server.baseUrlPath")),
    middleware=[Middleware(SendAtOnce)],
)
