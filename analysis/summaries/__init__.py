"""Summary rows: what an overview of a whole store says of each track, without its manifest and packs."""
