"""Stores that are not folders: buckets of object stores, read and written through a handful of operations that S3, Google Cloud
Storage and Azure have in common."""
