"""The report: page, card, figures and tables."""
