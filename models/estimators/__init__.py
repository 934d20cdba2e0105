"""What is fitted on ratings alone: user and item effects, factors, EASE, boosting, statistics, tastes for words."""
