"""Stores in buckets, against real S3 servers on the loopback: `make test-bucket`."""
