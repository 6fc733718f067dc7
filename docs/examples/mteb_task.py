"""The encoder handed to mteb unchanged, on one small retrieval task of local data: `python docs/examples/mteb_task.py`.

Wants `pip install mteb` and XQuAD-style files (ISTHMUS_DATA). mteb takes any sentence-transformers model; the encoder's
is `Encoder.model`, prefixes included.
"""

import os
from pathlib import Path

import mteb
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata

from rag.build import build_encoder
from rag.settings import load_settings
from retriever.data.squad import read_squad
from retriever.evaluation.tasks import squad_tasks

DATA = Path(os.environ.get("ISTHMUS_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
LANGUAGES = {"ro": "ron-Latn", "hi": "hin-Deva", "ar": "ara-Arab", "th": "tha-Thai"}


class QuestionsToEnglish(AbsTaskRetrieval):
    """Questions in four languages, each against the English passages."""

    metadata = TaskMetadata(
        name="XQuADQuestionsToEnglish",
        description="XQuAD questions against the English paragraphs.",
        reference="https://arxiv.org/abs/1910.11856",
        dataset={"path": "local", "revision": "1"},
        type="Retrieval",
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs={code: [name, "eng-Latn"] for code, name in LANGUAGES.items()},
        main_score="recall_at_1",
    )

    def load_data(self, **_: object) -> None:
        """From the files, by Isthmus's own reader."""
        tasks = {task.language: task for task in squad_tasks(read_squad(DATA / "xquad", ["en", *LANGUAGES]), ("L-en",))}
        chosen = {code: tasks[code] for code in self.hf_subsets}
        self.queries = {c: {"test": {id_: q.text for id_, q in t.queries.items()}} for c, t in chosen.items()}
        self.corpus = {c: {"test": {id_: p.text for id_, p in t.passages.items()}} for c, t in chosen.items()}
        self.relevant_docs = {c: {"test": t.qrels} for c, t in chosen.items()}
        self.convert_v1_dataset_format_to_v2(num_proc=None)
        self.data_loaded = True


def main() -> dict[str, float]:
    """Evaluate the encoder that the settings name, and print R@1 of each language."""
    encoder = build_encoder(load_settings())
    result = mteb.evaluate(encoder.model, QuestionsToEnglish(), cache=None, co2_tracker=False)
    recall = {scores["hf_subset"]: float(scores["main_score"]) for scores in result.task_results[0].scores["test"]}
    for language, value in recall.items():
        print(f"{language}  R@1 {value:.3f}")
    return recall


if __name__ == "__main__":
    main()
