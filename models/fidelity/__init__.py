"""How true the simulated users are: the fidelity card and the checks beside it."""
