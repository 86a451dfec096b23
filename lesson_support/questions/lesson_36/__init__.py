"""Exercise 36: three kernels, judged by what they write and by every byte they move."""

from lesson_support.questions.lesson_36 import activating, mirroring, summing

QUESTIONS = (activating.QUESTION, mirroring.QUESTION, summing.QUESTION)
