"""The Models page: every zoo and preset with licence, size, what it is good for, how far its energy can be trusted, and its command."""

from __future__ import annotations

import streamlit as st

from dashboard.models.presets import preset_rows
from dashboard.models.zoos import BUNDLED, ZooCard, zoo_cards
from dashboard.site import Site
from dashboard.text import counted, without_markdown
from dashboard.views.parts.html_table import html_table

INTRODUCTION = (
    "Networks come in zoos. The bundled ones are small and show how the energy works; others are added by one command on the machine that "
    "computes. A licence is shown there before anything is fetched."
)
TRUST_HEADINGS = ("Domain", "Method", "ρ of energy and error", "Test frames", "97.5 % of rooms below")
PRESET_HEADINGS = ("Network", "Good for", "Its numbers", "Licence of the weights", "Real weights run", "Here")
CARD = "MODEL_CARD.md"


def page(site: Site) -> None:
    """Show the page."""
    zoos = zoo_cards()
    with st.container(key="models-page"):
        st.title("Models", anchor=False)
        st.text(INTRODUCTION)
        for zoo in zoos:
            _zoo(zoo)
        rows = preset_rows(zoos)
        st.header("Networks of others", anchor=False)
        st.text(
            "Facts were read in each project's source; precompute/zoos/hub/presets.toml names where. Tests hold the rules of those that can be "
            "added, on tiny models with random weights."
        )
        html_table(
            "Networks of others",
            PRESET_HEADINGS,
            [(row.title, row.good_for, row.meaning, row.licence, row.run or "not yet", row.use) for row in rows],
        )
        if commands := [row.command for row in rows if row.command]:
            st.text("To add one (pip install -r requirements/hf.txt first):")
            st.code("\n".join(commands), language=None, wrap_lines=True)


def _zoo(zoo: ZooCard) -> None:
    """One zoo. Its texts may be a stranger's: shown as text."""
    with st.container(border=True, gap="xsmall"):
        st.subheader(without_markdown(zoo.name), anchor=False)
        if zoo.problem:
            st.text(zoo.problem)
            st.code(zoo.command, language=None, wrap_lines=True)
            return
        if zoo.description:
            st.text(zoo.description)
        size = f"{zoo.n_bytes / 1e6:,.1f} MB"
        st.text(
            f"{zoo.n_installed} of {counted(zoo.n_networks, 'network')} installed, {size} · version {zoo.version} · licence: {zoo.licence}"
        )
        st.text(f"Predicts {', '.join(zoo.targets)} · methods {', '.join(zoo.methods)}")
        st.code(zoo.command, language=None, wrap_lines=True)
        if zoo.trust:
            with st.expander("How far its energies can be trusted"):
                html_table(f"Trust in the energies of {zoo.name}", TRUST_HEADINGS, zoo.trust)
        card = BUNDLED / zoo.name / CARD
        if card.is_file():
            with st.expander("Model card"):
                st.text(card.read_text(encoding="utf-8"))
