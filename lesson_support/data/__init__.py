"""Data of the course that needs no download: generated tasks, and text that comes with Python.

Names resolve on first use, so that importing this package does not load torch.
"""

from lesson_support.first_use import names_of

# public name -> module that defines it
_EXPORTS = {
    "IGNORED": "recall",
    "DigitsSplit": "images",
    "ImageFolder": "image_folders",
    "RecallBatch": "recall",
    "ReferenceText": "text",
    "batches": "batching",
    "byte_windows": "text",
    "cifar_binary": "image_folders",
    "digits_split": "images",
    "image_folder": "image_folders",
    "recall_batch": "recall",
    "reference_text": "text",
}

__all__ = [*_EXPORTS]
__getattr__, __dir__ = names_of(__name__, _EXPORTS)
