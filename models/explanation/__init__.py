"""Why a simulated user would like an item: votes, reasons, contributions and counterfactuals."""
