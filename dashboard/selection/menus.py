"""What the page's menus offer, in the header and in the palette: clips, predictions, readouts, the scale of the energy and the error."""

from __future__ import annotations

from analysis.energy import SCALES
from dashboard.catalogue import Catalogue
from dashboard.player_data import Menu
from dashboard.selection.choices import NO_READOUT
from dashboard.selection.link import Selection
from dashboard.selection.measures import measure_options

MEASURE = "measure"

MAX_CLIPS = 200
"""The first clips in the order of Shelf.rank, which menus name: the browser gets them with every run. The others are found by their titles."""
MAX_FOUND = 20
"""Clips that a search offers."""


def clips_with(catalogue: Catalogue, words: str) -> tuple[dict[str, str], int]:
    """Key -> label of the first MAX_FOUND clips of the menus whose title holds every word, or whose key begins so, and how many there
    are in all."""
    text = words.strip().casefold()
    found = catalogue.starting(text) or [
        clip for title, clip in catalogue.shelf.searched if text and all(word in title for word in text.split())
    ]
    return {clip.key: catalogue.clip_label(clip) for clip in found[:MAX_FOUND]}, len(found)


def menus(catalogue: Catalogue, selection: Selection) -> tuple[Menu, ...]:
    """The menus in the order of the header; none of a prediction where the clip has none."""
    clip, target = selection.clip.key, selection.target
    first = (one.key for one in catalogue.clips[:MAX_CLIPS])
    listed = dict.fromkeys((*first, clip))  # a shifted clip only while it is shown
    clips = Menu(
        "clip", "Clip", clip, {key: catalogue.clip_label(one) for key in listed if (one := catalogue.clip(key))}
    )
    if target is None:
        return (clips,)
    image = catalogue.title("rgb")
    targets = {name: f"{image} → {catalogue.title(name)}" for name in catalogue.targets(clip)}
    ends = catalogue.readouts(clip, target)
    readouts = {name: f"{catalogue.title(target)} → {catalogue.title(name)}" for name in ends}
    measures = measure_options(catalogue, clip, selection.configurations)
    return (
        clips,
        Menu("predict", "Prediction", target, targets),
        Menu("readout", "Readout", selection.readout or NO_READOUT, {NO_READOUT: "None", **readouts}),
        Menu("scale", "Energy", selection.scale, {scale: scale.capitalize() for scale in SCALES}),
        *([Menu(MEASURE, "Error", selection.measure or "", {"": "Usual", **measures})] if len(measures) > 1 else []),
    )
