"""What a cross-encoder adds to search, and what it costs, beside late interaction.

`python -m benchmarks.cross_encoder [--steps 150] [--questions 25] [--seed 1]`

No hub is needed: the cross-encoder is the packaged encoder's weights under a new head, trained here by
sentence-transformers' CrossEncoderTrainer on XQuAD's questions in eight languages and their English passages, one to
three that the encoder itself puts near; the articles are those that the aligned encoder was trained on. Measured on the
8 held-out articles, so many questions a language, pool of 120 English passages. It says what re-ranking by a
cross-encoder takes here, and what one is worth that saw no more than this; those of a hub were trained on half a
million questions.
Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from datasets import Dataset
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

from benchmarks.report import DATA, publish
from benchmarks.stages import base_and_aligned, default_split, median_milliseconds, sample, stages
from rag.settings import load_settings
from retriever.alignment.parallel_rows import hard_passages
from retriever.alignment.train import has_bf16
from retriever.data.squad import ParallelSquad, read_squad
from retriever.evaluation import Evaluation, HybridSearch, System
from retriever.evaluation.tasks import squad_tasks
from retriever.models.encoder import Encoder
from retriever.search.rerankers import CrossEncoderReranker

NEAREST = (0, 15)
"""Ranks that wrong passages are drawn from: what a re-ranker meets."""
WRONG = 3
BATCH = 16
LONGEST = 192


def rows(squad: ParallelSquad, encoder: Encoder, count: int, seed: int) -> Dataset:
    """`count` rows (question in any language, English passage, whether it is the right one), one in four right."""
    rng = random.Random(seed)
    pool = squad.passages["en"]
    wrong = hard_passages(squad, encoder, count=WRONG, rng=rng, ranks=NEAREST)
    asked = [question for own in squad.questions.values() for question in own]
    made: dict[str, list[str | float]] = {"question": [], "passage": [], "label": []}
    for question in rng.sample(asked, count // (1 + WRONG)):
        for id_ in (question.passage_id, *wrong[question.id]):
            made["question"].append(question.text)
            made["passage"].append(pool[id_])
            made["label"].append(float(id_ == question.passage_id))
    return Dataset.from_dict(made)


def trained(encoder: Encoder, data: Dataset, steps: int, seed: int, folder: Path) -> None:
    """A cross-encoder of the encoder's weights, word embeddings frozen, in the folder."""
    model = CrossEncoder(encoder.folder, num_labels=1, max_length=LONGEST, device="cpu")
    for name, weight in model.named_parameters():
        weight.requires_grad_("word_embeddings" not in name)
    arguments = CrossEncoderTrainingArguments(
        output_dir=str(folder / "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=BATCH,
        learning_rate=5e-5,
        warmup_steps=0.1,
        lr_scheduler_type="cosine",
        bf16=has_bf16(),
        use_cpu=True,
        seed=seed,
        save_strategy="no",
        logging_steps=20,
        report_to=[],
    )
    CrossEncoderTrainer(model, arguments, train_dataset=data, loss=BinaryCrossEntropyLoss(model)).train()
    model.save_pretrained(str(folder))


def main() -> None:
    """Train, measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--questions", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if not (DATA / "xquad").is_dir():
        sys.exit(f"XQuAD is not at {DATA / 'xquad'}; set ISTHMUS_DATA.")
    base, aligned = base_and_aligned(load_settings())
    split = default_split(read_squad(DATA / "xquad"))
    with tempfile.TemporaryDirectory() as scratch:
        data = rows(split.train, base, given.steps * BATCH, given.seed)
        trained(base, data, given.steps, given.seed, Path(scratch))
        crossed = CrossEncoderReranker(scratch, "cpu")
        systems: list[System] = [
            *stages(aligned, "aligned"),
            HybridSearch(aligned, "cross-encoder, aligned", rerank=crossed),
        ]
        evaluation = Evaluation(systems, squad_tasks(sample(split.test, given.questions, given.seed), ("L-en",)))
    columns, table = evaluation.table("L-en")
    table = [[*row, median_milliseconds(system)] for row, system in zip(table, systems, strict=True)]
    record = {"data": "XQuAD, 8 held-out articles", "steps": given.steps, "seed": given.seed, **evaluation.as_dict()}
    publish("cross_encoder", [*columns, "ms a query"], table, record)


if __name__ == "__main__":
    main()
