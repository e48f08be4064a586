"""Laws of the link: it gives every choice back, and nothing that stands in it can do harm."""

import random
from dataclasses import replace

import pytest

from dashboard.catalogue import Catalogue
from dashboard.player_data import VIEW_STATE
from dashboard.selection.link import Selection, from_query, to_query
from tests.dashboard.compare.test_comparison import CLIP, track, whole_clip

OTHER = replace(CLIP, key="e" * 64, title="other")
AVAILABLE = Catalogue([*whole_clip(), track("input", "rgb", clip=OTHER), track("prediction", "rgb-depth", clip=OTHER)])


def every_selection() -> list[Selection]:
    selections = []
    for clip in AVAILABLE.clips:
        for target in AVAILABLE.targets(clip.key):
            options = AVAILABLE.configurations(clip.key, target)
            for readout in (None, *AVAILABLE.readouts(clip.key, target)):
                for a in options:
                    for b in options:
                        selections.append(Selection(clip, target, readout, (a, b)))
    return selections


def test_a_link_gives_every_selection_back() -> None:
    assert len(every_selection()) > 20
    for index, selection in enumerate(every_selection()):
        scale = ("standardised", "raw")[index % 2]
        chosen = replace(selection, scale=scale, frame=index % 3, speed=(1.0, 0.25, 0.1, 4.0, 1 / 3)[index % 5])
        assert from_query(to_query(chosen), AVAILABLE) == (chosen, ())


def test_a_link_gives_two_to_eight_configurations_back() -> None:
    selection, _ = from_query({}, AVAILABLE)
    assert selection is not None
    a, b = selection.configurations
    for count in range(2, 9):
        chosen = replace(selection, configurations=((a, b) * 4)[:count])
        assert set("abcdefgh"[:count]) <= set(to_query(chosen))
        assert not set("abcdefgh"[count:]) & set(to_query(chosen))
        assert from_query(to_query(chosen), AVAILABLE) == (chosen, ())


def test_letters_that_a_link_leaves_out_are_closed_up() -> None:
    selection, notes = from_query({"h": "mini/baseline", "d": "mini/consistency"}, AVAILABLE)
    assert selection is not None and notes == ()
    assert [c.method for c in selection.configurations] == ["baseline", "consistency", "consistency", "baseline"]


def test_an_unknown_third_configuration_is_left_out_with_a_note() -> None:
    selection, notes = from_query({"c": "mini/nobody"}, AVAILABLE)
    assert selection is not None and len(selection.configurations) == 2
    assert "configuration C 'mini/nobody'" in notes[0] and notes[0].endswith("showing none.")


def test_an_empty_query_gives_the_defaults() -> None:
    selection, notes = from_query({}, AVAILABLE)
    assert selection is not None and notes == ()
    assert selection.clip == AVAILABLE.clips[0] and selection.target == "normal" and selection.readout is None
    assert [c.spelling for c in selection.configurations] == ["mini/baseline", "mini/consistency"]
    assert (selection.scale, selection.frame, selection.speed) == ("standardised", None, 1.0)


def test_constant_defaults_are_left_out_of_the_link() -> None:
    selection, _ = from_query({}, AVAILABLE)
    assert selection is not None
    assert set(to_query(selection)) == {"clip", "predict", "a", "b"}


def test_a_frame_is_in_the_link_once_it_is_known_and_a_link_without_one_leaves_it_open() -> None:
    selection, _ = from_query({"clip": "other"}, AVAILABLE)
    assert selection is not None and selection.frame is None and "frame" not in to_query(selection)
    assert to_query(replace(selection, frame=0))["frame"] == "0", "where a clip opens depends on what is stored"


def test_an_empty_store_has_no_selection() -> None:
    assert from_query({"clip": "x"}, Catalogue([])) == (None, ())


def test_a_clip_without_predictions_has_a_selection_that_comes_back() -> None:
    catalogue = Catalogue([track("input", "rgb")])
    selection, notes = from_query({"predict": "", "a": ""}, catalogue)
    assert selection == Selection(CLIP, None, None, ()) and notes == ()
    assert from_query(to_query(selection), catalogue) == (selection, ())


@pytest.mark.parametrize(
    "wish",
    [
        {"clip": "f" * 12},
        {"predict": "curvature"},
        {"readout": "normal"},
        {"a": "mini/nobody"},
        {"b": "mini/baseline/rgb-edge2d-normal"},
        {"scale": "loud"},
        {"frame": "3"},
        {"frame": "-1"},
        {"frame": "٣"},
        {"speed": "nan"},
        {"speed": "99"},
    ],
)
def test_an_unknown_wish_falls_back_with_a_note_and_a_working_link(wish: dict[str, str]) -> None:
    selection, notes = from_query(wish, AVAILABLE)
    assert selection is not None
    assert len(notes) == 1 and next(iter(wish.values())) in notes[0]
    assert from_query(to_query(selection), AVAILABLE) == (selection, ())


def test_a_configuration_may_be_spelled_out_in_full() -> None:
    selection, notes = from_query({"a": "mini/consistency/rgb-normal"}, AVAILABLE)
    assert selection is not None and notes == ()
    assert selection.configurations[0].spelling == "mini/consistency"


def test_a_clip_may_be_named_by_its_title() -> None:
    selection, notes = from_query({"clip": "other"}, AVAILABLE)
    assert selection is not None and selection.clip == OTHER and notes == ()


def test_no_hostile_link_raises_or_is_believed() -> None:
    draw = random.Random(7)
    pieces = [
        "<script>",
        "../",
        "\x00",
        "9" * 5000,
        "1e999",
        "-1",
        "nan",
        "mini/",
        "rgb-",
        "%s",
        "{0}",
        "\ud800",
        "\u202e",
        "|",
        "∞",
    ]
    names = [
        "clip",
        "predict",
        "readout",
        "a",
        "b",
        "scale",
        "frame",
        "speed",
        "c",
        "h",
        "__proto__",
        "embed",
        *VIEW_STATE,
    ]
    for _ in range(200):
        query = {name: "".join(draw.choices(pieces, k=draw.randint(0, 4))) for name in draw.sample(names, k=8)}
        selection, notes = from_query(query, AVAILABLE)
        assert selection is not None
        assert from_query(to_query(selection), AVAILABLE) == (selection, ())
        assert all(note.isprintable() and len(note) < 200 for note in notes)
