"""Exercise 04: which shapes a tensor can take without moving an element."""

from lesson_support.questions.lesson_04 import heads, merging, patches, viewing

QUESTIONS = (heads.QUESTION, patches.QUESTION, viewing.QUESTION, merging.QUESTION)
