"""Train a tiny random encoder by every method for six steps; a script, for torchrun or for one process.

`every_method.py FOLDER OUT` wants the encoder that `write_encoder` writes in FOLDER/encoder. It writes OUT/NAME.pt, the
weights that each training ends with, and OUT/NAME.json, what the guard measured of them. With `--break` it stops in the
midst of the training GUARDED, before step 4 is saved. With `--fail` all processes but the first fail.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import random
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from retriever.alignment.data import Material, split_articles
from retriever.alignment.distributed import from_first, lead, send_to_helpers
from retriever.alignment.guard import EnglishGuard
from retriever.alignment.methods.clitssa import Clitssa
from retriever.alignment.methods.registry import build_method
from retriever.alignment.plan import Plan
from retriever.alignment.recipe import Recipe
from retriever.alignment.run import tune
from retriever.alignment.train import train
from retriever.data.labelled import LabelledQuery
from retriever.data.pairs import Pair
from retriever.data.squad import ParallelSquad, Question
from retriever.errors import IsthmusError
from retriever.models.backends import load_model
from retriever.models.encoder import Encoder
from retriever.models.lira import load_lira
from retriever.temporal.questions import FactQuery, TemporalQuestion
from retriever.types import Month

LANGUAGES = ("en", "ro", "th")
RECIPE = Recipe(steps=6, batch=9, learning_rate=1e-3, max_tokens=32, check_every=2, patience=9, english_tolerance=1.0)
"""Nine rows are no multiple of two processes."""
TRAININGS: dict[str, tuple[str, dict[str, Any]]] = {
    "clear": ("clear", {"negatives": 2}),
    "clear in mini-batches": ("clear", {"negatives": 2}),
    "clear-distill": ("clear-distill", {"negatives": 2}),
    "mnrl": ("mnrl", {"negatives": 2}),
    "mnrl in mini-batches": ("mnrl", {"negatives": 2}),
    "weighted": ("weighted", {}),
    "distill": ("distill", {}),
    "distill with a guard": ("distill", {}),
    "distill by adapters": ("distill", {}),
    "late": ("late", {"nearest": 3}),
    "lira": ("lira", {"queue": 16}),
    "lira with a guard": ("lira", {"queue": 16}),
}
"""Methods and their options by the name of the training."""
GUARDED = "distill with a guard"


def write_encoder(folder: Path) -> None:
    """Write a random encoder of two small layers, whose words are those of `squad`."""
    text = " ".join(text for passages in squad().passages.values() for text in passages.values())
    words = sorted({*text.split(), *"query passage : question weather alarm music in of the".split()})
    words += [str(year) for year in range(1900, 2000)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(special + words)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=len(special + words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    model = SentenceTransformer(str(folder), device="cpu")
    model.prompts = {"query": "query: ", "document": "passage: "}
    model.save(str(folder))


def squad(articles: int = 16) -> ParallelSquad:
    """Questions and passages of made-up words, which no two languages share."""

    def sentence(number: int, language: str, length: int) -> str:
        return " ".join(f"{language}{word}" for word in random.Random(number).sample(range(60), length))

    questions = {
        language: [
            Question(f"q{n}", language, sentence(n, language, 3 + n % 4), f"a{n}", f"a{n}#0") for n in range(articles)
        ]
        for language in LANGUAGES
    }
    passages = {lang: {f"a{n}#0": sentence(n, lang, 9 + n % 5) for n in range(articles)} for lang in LANGUAGES}
    return ParallelSquad(questions, passages)


def write_squad(folder: Path) -> None:
    """Write `squad` as files that `isthmus align --data` reads."""
    folder.mkdir()
    for language, questions in squad().questions.items():
        articles = [
            {
                "title": question.article,
                "paragraphs": [
                    {
                        "context": squad().passages[language][question.passage_id],
                        "qas": [{"id": question.id, "question": question.text, "answers": []}],
                    }
                ],
            }
            for question in questions
        ]
        (folder / f"xquad.{language}.json").write_text(json.dumps({"data": articles}), encoding="utf-8")


def material(dev_articles: int) -> Material:
    """What every method finds its rows in."""
    labels = ("weather", "alarm", "music")
    labelled = [LabelledQuery(f"{label} en{n}", f"{label} ro{n}", label, "ro") for label in labels for n in range(12)]
    pairs = [Pair("ro", f"ro{n} ro{n + 1}", f"en{n} en{n + 1}") for n in range(20)]
    return Material(split_articles(squad(), test=1, dev=dev_articles, seed=1), pairs, labelled, labelled[:3])


def train_all(folder: Path, out: Path, *names: str) -> None:
    """Train by those of TRAININGS, and by CLiTSSA."""
    base = Encoder(str(folder / "encoder"), cache=folder / "cache", backend="torch")
    for name in names or TRAININGS:
        method, options = TRAININGS[name]
        plan = Plan(
            build_method(method, options),  # type: ignore[arg-type]  # CLiTSSA is not among them
            (),
            out / name,
            dataclasses.replace(RECIPE, mini_batch=4 if "mini-batches" in name else None),
            adapters=2 if "adapters" in name else None,
        )
        result = tune(plan, material(dev_articles=4 if "guard" in name else 0), base)
        network = load_lira(plan.out) or load_model(str(plan.out), "cpu")
        torch.save(network.state_dict(), out / f"{name}.pt")
        (out / f"{name}.json").write_text(json.dumps(result.curve), encoding="utf-8")
    torch.save(train_clitssa(base, out / "clitssa").state_dict(), out / "clitssa.pt")


def train_clitssa(base: Encoder, out: Path) -> SentenceTransformer:
    """A model trained by CLiTSSA on questions about years."""
    questions = [
        TemporalQuestion(str(n), FactQuery("coach", "music", Month(1900 + n, 3)), ("alarm",)) for n in range(20)
    ]
    method = Clitssa(nearest=3, others=2, tasks=("l2",))
    pairs = method.split_pairs(questions, ["ro"], base, seed=1)
    model = load_model(base.folder, "cpu")
    training = method.prepare(pairs.train, questions, base.query_prefix, model, RECIPE)
    train(model, training.rows, training.loss, RECIPE, out)
    return model


def in_float32() -> contextlib.AbstractContextManager[object]:
    """Train without bf16, in which the sum over two halves of a batch differs from that over the whole."""
    return mock.patch("retriever.alignment.train.has_bf16", return_value=False)


def break_off(folder: Path, out: Path) -> None:
    """Train GUARDED until the guard's third measurement, after step 4 and before it is saved."""
    measure, calls = EnglishGuard.measure, itertools.count(1)

    def breaking(guard: EnglishGuard, model: SentenceTransformer) -> dict[str, float]:
        if next(calls) == 3:
            raise IsthmusError("The guard broke off.")
        return measure(guard, model)

    with mock.patch.object(EnglishGuard, "measure", breaking):
        train_all(folder, out, GUARDED)


def fail_beside_the_first() -> None:
    """Fail in all processes but the first, which waits for them."""
    send_to_helpers(_fail)
    from_first(lambda: None)


def _fail() -> None:
    raise IsthmusError("A helper failed.")


def main() -> None:
    """Do what the arguments say; an error is one sentence, as of the command."""
    *options, folder, out = sys.argv[1:]
    work = functools.partial(break_off if "--break" in options else train_all, Path(folder), Path(out))
    try:
        with in_float32():
            lead(fail_beside_the_first if "--fail" in options else work)
    except IsthmusError as error:
        sys.exit(f"isthmus: {error}")


if __name__ == "__main__":
    main()
