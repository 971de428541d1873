"""What the package raises: messages in Chinese that name the argument and say what to do."""

from __future__ import annotations


class ComparisonError(ValueError):
    """The comparison asked for would not be a fair one, or cannot be made."""


class EdgeError(ComparisonError):
    """The best value still lies at the edge of the widened grid: nothing about this arm can be reported."""
