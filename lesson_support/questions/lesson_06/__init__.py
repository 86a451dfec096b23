"""Exercise 06: rules and orders of a backward pass."""

from lesson_support.questions.lesson_06 import normalising, ordering, probabilities, products

QUESTIONS = (
    normalising.QUESTION,
    probabilities.QUESTION,
    products.QUESTION,
    ordering.QUESTION,
)
