"""Does the requests in the store: a worker over the job."""
