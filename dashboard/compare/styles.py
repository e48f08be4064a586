"""Line styles: the hue of a configuration is its method's and the dash its path's, wherever it stands in the line-up."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.catalogue import Catalogue
from dashboard.configuration import Configuration
from dashboard.player_data import LETTERS, N_DASHES, N_HUES, Style
from dashboard.selection.link import Selection


def styles_by_letter(catalogue: Catalogue, selection: Selection) -> dict[str, Style]:
    """Letter -> style of that configuration of the selection."""
    lineup = selection.configurations
    found = styles(catalogue, selection.target, lineup) if selection.target else {}
    return {letter: found[configuration] for letter, configuration in zip(LETTERS, lineup, strict=False)}


def styles(catalogue: Catalogue, target: str, lineup: Sequence[Configuration]) -> dict[Configuration, Style]:
    """The style of each configuration of the line-up.

    Methods and paths are counted over the whole store, so that neither another clip nor another place changes a style.
    Where two configurations share hue and dash (one method of two zoos), the later zoo has the next shade.
    """
    methods = catalogue.methods()
    paths = sorted({configuration.path for configuration in catalogue.known(target)}, key=lambda p: (p.count("-"), p))
    found: dict[Configuration, Style] = {}
    shades: dict[tuple[int, int], int] = {}
    for configuration in sorted(set(lineup), key=lambda c: c.full_spelling):
        hue = methods.index(configuration.method) % N_HUES if configuration.method in methods else 0
        dash = _dash(paths, configuration)
        shade = shades.get((hue, dash), 0)
        shades[hue, dash] = shade + 1
        found[configuration] = Style(hue, dash, shade)
    return found


def _dash(paths: Sequence[str], configuration: Configuration) -> int:
    """0, a solid line, for the direct path alone; the others have the dashes after it, in order."""
    if configuration.is_direct:
        return 0
    longer = [path for path in paths if path.count("-") > 1]
    return 1 + (longer.index(configuration.path) if configuration.path in longer else 0) % (N_DASHES - 1)
