"""What people hold in their hands: an audience loaded from a run folder, with its own ids and explanations."""
