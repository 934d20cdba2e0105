"""The steps of the pipeline: thin Prefect tasks that read through storage, call models and publish through storage."""
