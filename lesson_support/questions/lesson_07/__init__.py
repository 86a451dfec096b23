"""Exercise 07: derivatives by hand, and the tests that tell right ones from wrong ones."""

from lesson_support.questions.lesson_07 import gate, normalising, testing

QUESTIONS = (gate.QUESTION, normalising.QUESTION, testing.QUESTION)
