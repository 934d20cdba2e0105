"""How a user responds to a candidate: the paper's three models, the vote and the calibrated stack."""
