"""Tensors rebuilt on the page: what a tensor is, without torch."""

from lesson_support.tensors.strided import Strided

__all__ = ["Strided"]
