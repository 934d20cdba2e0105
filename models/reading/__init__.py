"""What the language model is asked and what its replies say: prompts, templates, phrases."""
