"""Exercise 47: a global cut that ties cannot stop, a schedule in steps, a pipeline to repair."""

from lesson_support.questions.lesson_47 import repairing, selecting, stepping

QUESTIONS = (selecting.QUESTION, stepping.QUESTION, repairing.QUESTION)
