"""Notebooks as files: run them, tidy them, hand out copies, check how they are made and written."""
