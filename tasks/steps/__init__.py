"""The Prefect steps of the pipeline, one a file."""
