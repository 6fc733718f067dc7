"""What a cross-encoder adds to search, and what it costs, beside late interaction.

`python -m benchmarks.cross_encoder [--steps 150] [--questions 25] [--seed 1]`

No hub is needed: the cross-encoder is the packaged encoder's weights under a new head, trained here by
sentence-transformers' CrossEncoderTrainer on XQuAD's questions in eight languages and their English passages, each with
three wrong ones that the encoder itself puts near. The articles are those that the aligned encoder was trained on.
Measured on the 8 held-out articles, `--questions` a language, pool of 120 English passages. The table shows what
re-ranking by a cross-encoder takes here, and what one is worth that saw no more than this; those of a hub were trained
on half a million questions. Without the data (ISTHMUS_DATA) it says so and ends.
"""

import argparse
import random
import tempfile
from pathlib import Path

from datasets import Dataset
from sentence_transformers import CrossEncoder
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import BinaryCrossEntropyLoss

from benchmarks.report import data_folder, publish
from benchmarks.stages import base_and_aligned, default_split, median_milliseconds, sample, stages
from rag.settings import load_settings
from retriever.alignment.mining import hard_passages
from retriever.data.squad import ParallelSquad, read_squad
from retriever.evaluation import Evaluation, HybridSearch, System
from retriever.evaluation.tasks import squad_tasks
from retriever.models.backends.pytorch import has_bf16
from retriever.models.encoder import Encoder
from retriever.search.rerankers import CrossEncoderReranker

CAPTION = (
    "A cross-encoder in place of late interaction, trained in minutes from the encoder itself, since there are no "
    "others’ weights here"
)
NEAREST = (0, 15)
"""Ranks that wrong passages are drawn from: what a re-ranker meets."""
WRONG = 3
BATCH = 16
MAX_TOKENS = 192


def training_rows(squad: ParallelSquad, encoder: Encoder, count: int, seed: int) -> Dataset:
    """`count` rows (question in any language, English passage, whether it is the right one), one in four right."""
    rng = random.Random(seed)
    pool = squad.passages["en"]
    wrong = hard_passages(squad, encoder, count=WRONG, rng=rng, ranks=NEAREST)
    questions = [question for language_questions in squad.questions.values() for question in language_questions]
    columns: dict[str, list[str | float]] = {"question": [], "passage": [], "label": []}
    for question in rng.sample(questions, count // (1 + WRONG)):
        for id_ in (question.passage_id, *wrong[question.id]):
            columns["question"].append(question.text)
            columns["passage"].append(pool[id_])
            columns["label"].append(float(id_ == question.passage_id))
    return Dataset.from_dict(columns)


def train_cross_encoder(encoder: Encoder, rows: Dataset, steps: int, seed: int, folder: Path) -> None:
    """A cross-encoder of the encoder's weights, word embeddings frozen, saved in the folder."""
    model: CrossEncoder = CrossEncoder(encoder.folder, num_labels=1, max_length=MAX_TOKENS, device="cpu")
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
    CrossEncoderTrainer(model, arguments, train_dataset=rows, loss=BinaryCrossEntropyLoss(model)).train()
    model.save_pretrained(str(folder))


def main() -> None:
    """Train, measure and publish."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--questions", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    squad = read_squad(data_folder("xquad"))
    base, aligned = base_and_aligned(load_settings())
    split = default_split(squad)
    with tempfile.TemporaryDirectory() as scratch:
        training = training_rows(split.train, base, arguments.steps * BATCH, arguments.seed)
        train_cross_encoder(base, training, arguments.steps, arguments.seed, Path(scratch))
        cross_encoder = CrossEncoderReranker(scratch, "cpu")
        systems: list[System] = [
            *stages(aligned, "aligned"),
            HybridSearch(aligned, "cross-encoder, aligned", reranker=lambda _: cross_encoder, keep_tokens=False),
        ]
        questions = sample(split.test, arguments.questions, arguments.seed)
        evaluation = Evaluation(systems, squad_tasks(questions, ("L-en",)))
    columns, rows = evaluation.table("L-en")
    publish(
        "cross_encoder",
        CAPTION,
        [*columns, "ms a query"],
        [[*row, median_milliseconds(system)] for row, system in zip(rows, systems, strict=True)],
        data="XQuAD, 8 held-out articles",
        seeds=[arguments.seed],
        encoders=[base, aligned],
        details={"steps": arguments.steps},
    )


if __name__ == "__main__":
    main()
