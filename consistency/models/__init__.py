"""The architectures, one file per family, and the operations they share."""
