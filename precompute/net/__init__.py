"""Connections to public addresses only."""
