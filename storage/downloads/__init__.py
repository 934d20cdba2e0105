"""Getting the files of published datasets."""
