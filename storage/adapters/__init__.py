"""One reader per published dataset format; each yields the same raw tables."""
