"""The entry point of the dashboard: `streamlit run dashboard/app.py [-- --store DIR]` finds `app` here.

Streamlit puts only this folder on `sys.path`, so the project root is added here, once, for every page.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from cache.backends.opening import default_place, open_place  # noqa: E402
from cache.store import STORE_VARIABLE  # noqa: E402
from dashboard.server.page_shell import PageShell  # noqa: E402
from dashboard.server.routes import player_routes, store_argument  # noqa: E402
from dashboard.server.send_at_once import SendAtOnce  # noqa: E402
from dashboard.server.streamlit_files import CompressStatic  # noqa: E402
from dashboard.visitors.access import require_secrets_of  # noqa: E402
from dashboard.visitors.asking import may_ask  # noqa: E402
from dashboard.visitors.visitor import NameVisitors  # noqa: E402

# In the environment, so that every page opens the same store through `default_place()`.
if named := store_argument(sys.argv[1:]):
    os.environ[STORE_VARIABLE] = named

require_secrets_of(ROOT)

# Streamlit itself checks the host of sockets only; without this, a page elsewhere whose name is made to resolve to this
# machine (DNS rebinding) could read packs.
hosts = [f"[{host}]" if ":" in host else host for host in st.get_option("server.allowedHosts")]
base_path = st.get_option("server.baseUrlPath")
app = st.App(
    str(Path(__file__).with_name("ui.py")),
    routes=player_routes(open_place(default_place(), read_only=True), base_path=base_path),
    middleware=[
        Middleware(SendAtOnce),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts or ["*"], www_redirect=False),
        Middleware(PageShell),
        *([Middleware(NameVisitors, base_path=base_path)] if may_ask(os.environ) else []),
        Middleware(CompressStatic, base_path=base_path),
    ],
)
