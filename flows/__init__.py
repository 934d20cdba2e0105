"""The Prefect flows and the command line.

Import flows from their modules: Prefect may be imported only after `flows.prefect_environment` has set its environment.
"""
