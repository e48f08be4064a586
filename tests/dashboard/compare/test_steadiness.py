"""Laws of the words about the change over time: the drift of depth's scale adds up, and cuts are named."""

from types import SimpleNamespace

import numpy as np

from analysis.energy import Unreadable
from dashboard.compare.comparison import Comparison, Curve, Plot
from dashboard.compare.steadiness import steadiness_words

NAN = float("nan")


def words(*tracks: dict, unit: str = "%") -> str:
    """What is said of configurations A, B, ... whose stability tracks have these columns."""

    class Columns:
        def column(self, track, name: str) -> np.ndarray:
            if track.values[name] is None:
                raise Unreadable("gone")
            return np.array(track.values[name])

    curves = [
        Curve(
            letter,
            "",
            SimpleNamespace(values=values, head=SimpleNamespace(columns=_described(values, unit))),
            "stability",
        )  # pyright: ignore[reportArgumentType]
        for letter, values in zip("ABCD", tracks, strict=False)
    ]
    comparison = Comparison((), (Plot("stability", "", tuple(curves)),), ())
    return steadiness_words(Columns(), comparison).replace("\xa0", " ")  # pyright: ignore[reportArgumentType]


def _described(values: dict, unit: str) -> dict:
    return {name: {"unit": unit} for name in values}


def test_the_drift_of_the_scale_adds_up_over_the_frames_and_goes_on_after_a_cut() -> None:
    ln2 = 100 * np.log(2)
    found = words({"drift": [NAN, ln2, NAN, ln2]}, {"drift": [NAN, -ln2, 0, 0]})
    assert found == ("Scale from the first frame to the last: A +300.0 %, B −50.0 %; a moving camera changes it too.")


def test_cuts_are_named_and_only_the_first_few() -> None:
    drift = [NAN] * 12
    assert words({"drift": drift, "found": [NAN, *[1.0] * 11]}, unit="°") == ""
    one = words({"drift": drift, "found": [NAN, 1, 0.1, *[1.0] * 9]}, unit="°")
    assert one == "Scene cut at frame 2 is left out."
    many = words({"drift": drift, "found": [NAN, *[0.0] * 11]}, unit="°")
    assert many == "11 scene cuts at frames 1, 2, 3, 4, 5, 6, … are left out."


def test_rotations_do_not_add_up_and_what_cannot_be_read_is_left_out() -> None:
    assert words({"drift": [NAN, 3.0]}, unit="°") == ""
    assert words({"drift": None}) == ""
    assert words() == ""
