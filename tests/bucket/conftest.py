"""An S3 server on the loopback for all tests of this folder, and an empty bucket for each of them."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cache.backends.address import Address
from cache.backends.bucket_store import BucketStore
from cache.store import Store

KEY, SECRET = "a-key-that-must-not-show", "a-secret-that-must-not-show"


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """moto's server, or another one that runs already: $CROSSCHECK_S3_ENDPOINT."""
    if running := os.environ.get("CROSSCHECK_S3_ENDPOINT"):
        yield running
        return
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def address(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Address:
    """A prefix of a new bucket. The environment names the server, as a user's would."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "CROSSCHECK_BUCKET_CACHE": str(tmp_path / "copies"),
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{secrets.token_hex(4)}"
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
    client.create_bucket(Bucket=bucket)
    return Address("s3", bucket, "some/prefix")


@pytest.fixture
def store(address: Address) -> BucketStore:
    return BucketStore(address)


@pytest.fixture
def other_machine(address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Store]:
    """Opens the same store with nothing of it on the disk."""

    def opened(*, read_only: bool = True) -> BucketStore:
        monkeypatch.setenv("CROSSCHECK_BUCKET_CACHE", str(tmp_path / secrets.token_hex(4)))
        return BucketStore(address, read_only=read_only)

    return opened
