"""Exercise 40: scans of any operator, judged by what they combine."""

from lesson_support.questions.lesson_40 import carrying, climbing, segmenting, testing

QUESTIONS = (carrying.QUESTION, segmenting.QUESTION, climbing.QUESTION, testing.QUESTION)
