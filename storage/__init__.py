"""Where things live: datasets, tables, vectors, checkpoints, the completion cache. Imports no prefect, no models."""
