"""Measure retrieval: tasks from public data, systems, metrics, and reports."""

from retriever.evaluation.page import cell
from retriever.evaluation.report import Evaluation
from retriever.evaluation.systems import Dense, Lexical, Product, System
from retriever.evaluation.tasks import Task, read_tasks

__all__ = ["Dense", "Evaluation", "Lexical", "Product", "System", "Task", "cell", "read_tasks"]
