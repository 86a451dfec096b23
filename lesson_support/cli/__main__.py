"""`python -m lesson_support.cli` is `lessons`."""

from lesson_support.cli import main

main()
