"""Exercise 49: nine programs and their compiler, calls across the C border, a borrow checker."""

from lesson_support.questions.lesson_49 import border, borrowing, ownership

QUESTIONS = (ownership.QUESTION, border.QUESTION, borrowing.QUESTION)
