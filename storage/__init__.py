"""Where things live: datasets, tables, vectors, checkpoints, the completion cache. Imports neither prefect nor models."""
