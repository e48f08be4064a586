"""One's own pictures and ground truth as frames: found in a folder, split, read as codes, stored as the rendered rooms are."""
