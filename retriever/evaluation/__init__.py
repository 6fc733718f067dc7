"""Measure retrieval: tasks from public data, systems, metrics, and reports."""

from retriever.evaluation.report import Evaluation
from retriever.evaluation.systems import BM25Search, DenseSearch, HybridSearch, System, no_reranker
from retriever.evaluation.tables import format_cell, markdown_table, terminal_table
from retriever.evaluation.tasks import Task, read_tasks

__all__ = [
    "BM25Search",
    "DenseSearch",
    "Evaluation",
    "HybridSearch",
    "System",
    "Task",
    "format_cell",
    "markdown_table",
    "no_reranker",
    "read_tasks",
    "terminal_table",
]
