"""Sources and their frames: files, folders and URLs, downloaded and decoded in guarded processes."""
