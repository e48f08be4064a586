"""What the commands print and store of a job: the terminal, `--json`, reports and the next step."""
