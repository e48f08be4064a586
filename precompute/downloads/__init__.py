"""Videos of URLs: how one becomes a file on this disk, in a guarded process."""
