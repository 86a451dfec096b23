"""The course's tests; `python -m tests` runs them by tier."""
