"""Exercise 03: what an index reads, where it writes, and how often."""

from lesson_support.questions.lesson_03 import beams, penalty, segments, shapes

QUESTIONS = (segments.QUESTION, shapes.QUESTION, beams.QUESTION, penalty.QUESTION)
