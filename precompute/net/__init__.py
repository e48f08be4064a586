"""Connections to public addresses only, and downloads that resume."""
