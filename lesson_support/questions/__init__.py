"""The questions of each exercise: `lesson_NN` holds `QUESTIONS`, from easy to hard, ten points in all."""
