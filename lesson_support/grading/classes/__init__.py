"""A class: what its students handed in, a grade for each, and the reports.

One notebook is graded in a sandbox that the caller brings; nothing here runs what a student wrote.
"""
