"""What the system knows: prompts, keywords, response models, simulator, agents. Pure: no prefect, no storage."""
