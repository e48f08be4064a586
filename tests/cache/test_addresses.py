"""Addresses of stores in buckets, which need no bucket to be read, refused and printed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cache.backends.address import Address, place_of
from cache.backends.local_copies import LocalCopies, limit_bytes
from cache.backends.opening import default_place
from cache.records import StoreError
from cache.store import STORE_VARIABLE, default_root
from precompute.cli.app import app


def test_a_folder_and_an_address_are_told_apart_and_read_back_from_their_text():
    assert place_of("some/folder") == Path("some/folder") and place_of("C:/x") == Path("C:/x")
    for text, expected in (
        ("s3://my-bucket/a/b", Address("s3", "my-bucket", "a/b")),
        ("s3://my-bucket/", Address("s3", "my-bucket", "")),
        ("gs://my_bucket/a.b", Address("gs", "my_bucket", "a.b")),
    ):
        assert place_of(text) == expected and place_of(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "s3://user:hunter2@bucket/x",
        "s3://bucket/x?token=hunter2",
        "s3://bucket/x#hunter2",
        "https://user:hunter2@example.org/x",
        "hunter2 is my key://bucket",
        "s3://bu",
        "s3://bucket/a//b",
        "s3://bucket/../b",
        "s3://bucket/a b",
        "s3://bücket/b",
        "s3://",
    ],
)
def test_an_address_that_is_not_one_of_a_bucket_is_refused_in_one_line_without_its_credentials(text):
    with pytest.raises(StoreError) as caught:
        place_of(text)
    assert "hunter2" not in str(caught.value)
    result = CliRunner().invoke(app, ["list", "--store", text])
    assert result.exit_code == 2 and "hunter2" not in result.output and len(result.output.splitlines()) == 1


@pytest.mark.parametrize("words", [["list"], ["verify"], ["gc"], ["export", "*", "--to", "x.tar"]])
def test_without_the_client_a_bucket_is_refused_with_what_to_install(monkeypatch, tmp_path, words):
    for name in [name for name in sys.modules if name.split(".")[0] == "obstore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setenv("CROSSCHECK_BUCKET_CACHE", str(tmp_path))
    result = CliRunner().invoke(app, [*words, "--store", "s3://some-bucket/x"])
    assert result.exit_code == 2 and "pip install -r requirements/bucket.txt" in result.output


@pytest.mark.parametrize("words", [["requests"], ["ask", "phone"], ["cancel", "abc"]])
def test_what_needs_a_folder_says_so(words):
    result = CliRunner().invoke(app, [*words, "--store", "s3://some-bucket/x"])
    assert result.exit_code == 2 and "needs a store in a folder" in result.output


def test_the_variable_names_a_bucket_too_and_what_needs_a_folder_refuses_it(monkeypatch):
    monkeypatch.setenv(STORE_VARIABLE, "s3://some-bucket/x")
    assert default_place() == Address("s3", "some-bucket", "x")
    with pytest.raises(StoreError, match="in a folder"):
        default_root()


@pytest.mark.parametrize("text", ["many", "-1", "nan", "1e9"])
def test_a_limit_that_is_no_number_of_gigabytes_is_named(monkeypatch, text):
    monkeypatch.setenv("CROSSCHECK_BUCKET_CACHE_GB", text)
    with pytest.raises(StoreError, match="CROSSCHECK_BUCKET_CACHE_GB"):
        limit_bytes()


def test_copies_that_are_in_use_stay_and_the_others_go_the_longest_unused_first(tmp_path):
    copies = LocalCopies(tmp_path, limit=300)
    paths = [copies.path("key", f"{number}") for number in range(5)]
    for number, path in enumerate(paths):
        copies.add(path, [bytes(100)])
        if number < 3:
            os.utime(path, (1000 + number, 1000))
    assert [path.exists() for path in paths] == [False, False, False, True, True]
    copies.add(copies.path("key", "more"), [bytes(200)])
    assert [path.exists() for path in paths[3:]] == [True, True], "they were used a moment ago"
