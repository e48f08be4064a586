"""Laws of the choices: the newest one of the session stays, whatever an older link of the browser says."""

import pytest
import streamlit as st

from dashboard.catalogue import Catalogue
from dashboard.compare.choices import Choices, menu_key
from tests.dashboard.test_comparison import whole_clip


class Query(dict[str, str]):
    """`st.query_params` without a browser."""

    def to_dict(self) -> dict[str, str]:
        return dict(self)

    def from_dict(self, query: dict[str, str]) -> None:
        self.clear()
        self.update(query)


def test_a_menu_that_sends_what_was_shown_undoes_no_newer_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    query = Query()
    monkeypatch.setattr(st, "query_params", query)
    monkeypatch.setattr(st, "session_state", {})
    choices = Choices(Catalogue(whole_clip()))
    choices.start()
    old = query.to_dict()
    late, scale = menu_key("predict", "normal"), menu_key("scale", "standardised")
    st.session_state[scale] = "raw"
    choices.choose("scale", scale)
    newest = query.to_dict()
    assert newest["scale"] == "raw"

    query.from_dict(old)  # the next request was sent before the browser received the choice
    choices.choose("predict", late)
    selection, _ = choices.start()
    assert selection is not None and selection.scale == "raw"
    assert query == newest
