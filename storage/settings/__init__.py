"""Profiles of datasets and language models."""
