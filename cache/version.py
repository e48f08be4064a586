"""The version of Crosscheck, as manifests name it. pyproject.toml states it again for tools that read no Python."""

VERSION = "0.2.0"
