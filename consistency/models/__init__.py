"""The architectures, one file each, and the steps they share."""
