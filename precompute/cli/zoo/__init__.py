"""The commands that manage zoos."""
