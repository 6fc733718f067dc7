"""Measure retrieval: tasks from public data, systems, metrics, and reports."""

from retriever.evaluation.html import format_cell
from retriever.evaluation.report import Evaluation
from retriever.evaluation.systems import BM25Search, DenseSearch, HybridSearch, System, no_reranker
from retriever.evaluation.tasks import Task, read_tasks

__all__ = [
    "BM25Search",
    "DenseSearch",
    "Evaluation",
    "HybridSearch",
    "System",
    "Task",
    "format_cell",
    "no_reranker",
    "read_tasks",
]
