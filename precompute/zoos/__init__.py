"""Installs zoos on this machine: archives, conversion, calibration."""
