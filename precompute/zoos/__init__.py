"""How zoos come to this machine: archives, conversion, calibration."""
