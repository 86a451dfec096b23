"""The engine of the exercises: it asks an answer, judges what came back, and remembers what was solved.

No question is imported by name: `library` loads `lesson_support.questions.lesson_NN` by number.
"""
