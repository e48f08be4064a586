"""One small reader for each format of files, for the guarded child process: files are hostile. None of them unpickles anything."""
