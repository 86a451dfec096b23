"""Exercise 42: tests for a backward in tiles, a scan that makes its gates, a backward in one kernel."""

from lesson_support.questions.lesson_42 import gating, gradients, testing

QUESTIONS = (testing.QUESTION, gating.QUESTION, gradients.QUESTION)
