"""Exercise 43: families that close, a state that is carried, a memory that must not read the future."""

from lesson_support.questions.lesson_43 import carrying, clipping, closing, remembering

QUESTIONS = (closing.QUESTION, clipping.QUESTION, carrying.QUESTION, remembering.QUESTION)
