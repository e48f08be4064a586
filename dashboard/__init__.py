"""The reader: pages that show what the job has stored."""
