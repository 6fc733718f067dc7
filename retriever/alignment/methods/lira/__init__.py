"""LiRA: queries of low-resource languages are anchored to English by their translations (arXiv 2510.14466)."""

from retriever.alignment.methods.lira.method import Lira

__all__ = ["Lira"]
