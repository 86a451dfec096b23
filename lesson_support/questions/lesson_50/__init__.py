"""Exercise 50: what a deployment ships, two lines of overhead and arithmetic, a report to audit."""

from lesson_support.questions.lesson_50 import auditing, modelling, shipping

QUESTIONS = (shipping.QUESTION, modelling.QUESTION, auditing.QUESTION)
