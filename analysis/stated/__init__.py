"""What a manifest states of a track: training, trust, and which method a confidence ranks first."""
