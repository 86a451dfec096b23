"""Exercise 05: when a card pays, what its streams do when, and what its memory can still hold."""

from lesson_support.questions.lesson_05 import blocks, paying, reading, scheduling

QUESTIONS = (paying.QUESTION, reading.QUESTION, blocks.QUESTION, scheduling.QUESTION)
