"""The commands that manage the store."""
