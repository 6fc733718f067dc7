"""The encoder handed to mteb unchanged, on one small retrieval task of local data: `python docs/examples/mteb_task.py`.

Needs `pip install mteb`, and ISTHMUS_DATA: a folder with XQuAD-style files in xquad/. mteb takes any
sentence-transformers model; the encoder's is `Encoder.model`, prefixes included.
"""

import os
import sys
from pathlib import Path

import mteb
from mteb.abstasks import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata

from rag.build import build_encoder
from rag.settings import load_settings
from retriever.data.squad import read_squad
from retriever.evaluation.tasks import squad_tasks

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

    def load_data(self, num_proc: int | None = None, **_: object) -> None:
        """From the files, by Isthmus's own reader."""
        squad = read_squad(Path(os.environ["ISTHMUS_DATA"], "xquad"), ["en", *LANGUAGES])
        by_language = {task.language: task for task in squad_tasks(squad, ("L-en",))}
        tasks = {code: by_language[code] for code in self.hf_subsets}
        self.queries = {c: {"test": {id_: q.text for id_, q in t.queries.items()}} for c, t in tasks.items()}
        self.corpus = {c: {"test": {id_: p.text for id_, p in t.passages.items()}} for c, t in tasks.items()}
        self.relevant_docs = {c: {"test": t.qrels} for c, t in tasks.items()}
        self.convert_v1_dataset_format_to_v2(num_proc=num_proc)
        self.data_loaded = True


def main() -> dict[str, float]:
    """Evaluate the encoder that the settings name, and print R@1 of each language."""
    if "ISTHMUS_DATA" not in os.environ:
        sys.exit("Set ISTHMUS_DATA to the folder that xquad/ is in.")
    encoder = build_encoder(load_settings())
    result = mteb.evaluate(encoder.model, QuestionsToEnglish(), cache=None, co2_tracker=False)
    recall = {scores["hf_subset"]: float(scores["main_score"]) for scores in result.task_results[0].scores["test"]}
    for language, value in recall.items():
        print(f"{language}  R@1 {value:.3f}")
    return recall


if __name__ == "__main__":
    main()
