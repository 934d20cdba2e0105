"""Policies of a run: their settings and checkpoints, their use under the dataset's own ids, export and session logs.

Import its modules by name: nothing is imported here, so that reading settings loads neither torch nor matplotlib.
"""
