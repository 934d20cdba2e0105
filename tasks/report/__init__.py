"""What people read of a run: the report page, the fidelity card, their tables and figures, and accounts of data.

Import its modules by name: nothing is imported here, so that reading settings loads neither torch nor matplotlib.
"""
