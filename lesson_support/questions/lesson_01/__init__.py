"""Exercise 01: storage, offset, stride."""

from lesson_support.questions.lesson_01 import checkpoint, contiguity, offsets, windows

QUESTIONS = (offsets.QUESTION, windows.QUESTION, contiguity.QUESTION, checkpoint.QUESTION)
