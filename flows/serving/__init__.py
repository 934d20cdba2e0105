"""The pipeline as a service: run forms, deployments of every dataset, and the processes that work them.

Import its modules only after `flows.prefect_environment` has set Prefect's environment.
"""
