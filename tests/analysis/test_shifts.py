"""The spelling of shifts: what is a strength, which severities there are, and what is refused in words."""

import pytest

from analysis.shifts import KINDS, BadShift, Shift, parse_shifts, shift_of


def test_every_severity_has_a_spelling_that_reads_back_and_rises_in_strength():
    for kind in KINDS.values():
        found = [Shift(kind, strength) for strength in kind.severities]
        assert [parse_shifts(shift.spelling) for shift in found] == [[shift] for shift in found]
        assert sorted(found, key=lambda shift: shift.order) == found


def test_a_severity_is_only_another_name_of_a_strength():
    assert parse_shifts("jpeg@1..5,jpeg:q25") == parse_shifts("jpeg:q7,jpeg:q10,jpeg:q15,jpeg:q18,jpeg:q25")
    (blur,) = parse_shifts("blur@1")
    assert blur is not None and blur.strength == pytest.approx(256 / 224, abs=1e-3) and blur.severity == 1


def test_strength_zero_is_the_clip_itself():
    assert parse_shifts("blur:0px") == parse_shifts("jpeg@0") == [None]
    first, *others = parse_shifts("jpeg@0..2")
    assert first is None and len(others) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fnord@1", "the kinds are jpeg, h264"),
        ("jpeg@6", "severities are 0 to 5"),
        ("jpeg@5..1", "severities are 0 to 5"),
        ("h264@2", "no severities of h264"),
        ("jpeg:30", "write jpeg:q30"),
        ("jpeg:q0.5", "q1 to q100, whole numbers"),
        ("blur:200px", "0.1px to 64px"),
        ("blur:-1px", "blur:0.1px to blur:64px"),
        ("blur", "KIND@SEVERITY or KIND:STRENGTH"),
        (" , ", "no shift is named"),
        (",".join(f"blur:{at / 10:.1f}px" for at in range(1, 120)), "at most 100"),
    ],
)
def test_what_is_no_shift_is_refused_with_what_is_allowed(text: str, says: str):
    with pytest.raises(BadShift, match=says.replace(".", r"\.")):
        parse_shifts(text)


@pytest.mark.parametrize("spelled", ["", None, 7, "fnord:3", "blur:1px,blur:2px", "<script>"])
def test_a_sampling_that_names_no_known_shift_has_none(spelled: object):
    assert shift_of({"shift": spelled}) is None
