"""Training loops of the course, small enough to run inside a lesson.

Names resolve on first use, so that importing this package does not load torch.
"""

from lesson_support.first_use import names_of

# public name -> module that defines it
_EXPORTS = {
    "RecallRun": "recalling",
    "TextRun": "reading",
    "accuracy": "classifying",
    "bits_per_byte": "reading",
    "chunked_backward": "chunking",
    "peak_saved": "chunking",
    "reestimate_batchnorm": "classifying",
    "refuse_stale": "classifying",
    "train_classifier": "classifying",
    "train_recall": "recalling",
    "train_text": "reading",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = names_of(__name__, _EXPORTS)
