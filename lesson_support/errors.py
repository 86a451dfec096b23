"""The one kind of error that is meant for a person."""


class LessonError(Exception):
    """A mistake someone can mend: the message names what came and what was expected.

    The command line prints it as one sentence and exits with 1; a notebook shows it without library frames.
    Anything else that escapes is a defect of ours and keeps its traceback.
    """
