"""Differentiation by hand and by tape."""
