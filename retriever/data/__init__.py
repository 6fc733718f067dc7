"""Readers of public data sets, strict: a fault is named with its file and line."""
