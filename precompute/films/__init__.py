"""Ken Burns films of stored depth, without a browser: docs/kenburns.md."""
