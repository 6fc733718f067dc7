"""Strict readers of public data sets: an error names the file and the line."""
