"""Exercise 41: what a scan waits for, by a model of the machine, and a scan in three phases to repair."""

from lesson_support.questions.lesson_41 import chunking, phases, registers, waiting

QUESTIONS = (waiting.QUESTION, phases.QUESTION, registers.QUESTION, chunking.QUESTION)
