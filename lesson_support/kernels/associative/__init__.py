"""Scans of any associative operator, by algorithms that count what they do."""
