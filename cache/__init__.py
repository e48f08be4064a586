"""The contract between the batch job and the dashboard: what is stored, where, and how it is found again."""
