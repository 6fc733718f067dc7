"""The folder that training writes: whose it is, the model, and the report."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import Router

from retriever.alignment.methods.protocol import Method
from retriever.errors import DataError
from retriever.models.backends import load_model
from retriever.models.encoder import BASE_FILE, Encoder

CHECKPOINTS = "checkpoints"
"""The subfolder that training resumes from."""


def claim_folder(folder: Path, plan: object) -> None:
    """Make the folder and note its plan. Raises DataError if checkpoints of another plan are there."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "plan.txt"
    text = repr(plan) + "\n"
    if (folder / CHECKPOINTS).is_dir() and note.is_file() and note.read_text(encoding="utf-8") != text:
        raise DataError(f"{folder} holds unfinished training by another plan; name another folder or delete it.")
    note.write_text(text, encoding="utf-8")


def save_aligned(model: SentenceTransformer, base: Encoder, method: Method, folder: Path) -> None:
    """Write a sentence-transformers folder, and a note of what stays with the base encoder.

    If passages stay, the folder routes them to the base's weights.
    """
    if method.keeps_passages:
        untouched = load_model(base.folder, "cpu")
        queries, passages = ([cast(Module, part) for part in side.children()] for side in (model, untouched))
        model = SentenceTransformer(modules=[Router.for_query_document(queries, passages)], device=base.device)
    save_model(model, base, folder)
    if method.keeps_english_queries:
        note = {"english_queries": base.name, "passages": method.keeps_passages}
        (folder / BASE_FILE).write_text(json.dumps(note) + "\n", encoding="utf-8")


def save_model(model: SentenceTransformer, base: Encoder, folder: Path) -> None:
    """Write a sentence-transformers folder that carries the base's prefixes."""
    model.prompts = {"query": base.query_prefix, "document": base.passage_prefix}
    model.save_pretrained(str(folder), create_model_card=False)


def finish_folder(folder: Path, report: dict[str, Any], card: str) -> None:
    """Write report.json and the model card beside the model, and delete the checkpoints."""
    (folder / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(card, encoding="utf-8")
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
