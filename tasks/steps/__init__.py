"""The steps of the pipeline, one a file: each reads and publishes artefacts of a run folder and is cached by content.

Import its modules by name: nothing is imported here, so that reading settings loads neither torch nor matplotlib.
"""
