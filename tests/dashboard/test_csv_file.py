"""Laws of CSV files: letters come back as they were, numbers are numbers, and no cell is a formula."""

import csv
import io

from dashboard.csv_file import FORMULA_SIGNS, to_csv


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_text_that_begins_like_a_formula_is_text_in_the_head_too():
    evil = [f"{sign}1+cmd|' /C calc'!A0" for sign in FORMULA_SIGNS]
    assert read(to_csv(evil, [evil])) == [[f"'{text}" for text in evil]] * 2
    assert read(to_csv(["a"], [["-inf"], ["-1+1"], ["-1\n=2"]]))[1:] == [["'-inf"], ["'-1+1"], ["'-1\n=2"]]


def test_numbers_stay_numbers_and_what_is_not_known_is_empty():
    row = [-1, -0.5, "-0.25", "-1e-07", "+3", None, ""]
    assert read(to_csv(["n"], [row]))[1] == ["-1", "-0.5", "-0.25", "-1e-07", "+3", "", ""]


def test_letters_quotes_and_lines_come_back():
    row = ["ä°σ", 'say "no", then', "two\nlines"]
    data = to_csv(["a", "b", "c"], [row])
    assert data.startswith(b"\xef\xbb\xbfa,b,c\r\n") and read(data)[1] == row
