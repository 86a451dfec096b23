"""Exercise 02: broadcasting by hand, and a product whose order saves cache lines."""

from lesson_support.questions.lesson_02 import blocking, losses, shapes, stretching

QUESTIONS = (shapes.QUESTION, losses.QUESTION, stretching.QUESTION, blocking.QUESTION)
