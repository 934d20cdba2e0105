"""How true a run is: the fidelity card, behaviour, ablations, less data, and policies under other reward models.

Import its modules by name: nothing is imported here, so that reading settings loads neither torch nor matplotlib.
"""
