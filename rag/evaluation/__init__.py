"""Batch evaluation of answers to questions about time."""
