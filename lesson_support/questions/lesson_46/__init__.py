"""Exercise 46: what a cut leaves, one score for a group, tests that tell a score from its inverse."""

from lesson_support.questions.lesson_46 import counting, scoring, testing

QUESTIONS = (counting.QUESTION, scoring.QUESTION, testing.QUESTION)
