"""Policies played and judged: values, off-policy estimates, episode logs, the case study."""
