"""The command line, one file per command; `app` assembles it, and the sinks print and store what a job reports."""
