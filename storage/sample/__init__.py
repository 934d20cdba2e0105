"""The sample world: a generated dataset whose truth is known."""
