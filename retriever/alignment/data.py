"""What is trained on and measured: parallel texts, articles held out, and the material of a plan."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from retriever.data.labelled import LabelledQuery
from retriever.data.pairs import Pair
from retriever.data.squad import ParallelSquad
from retriever.errors import DataError

Kind = Literal["question", "pair", "name", "english", "passage", "piece"]
PIECE_WORDS = 24


@dataclass(frozen=True, slots=True)
class ParallelText:
    """A text and its English original.

    The encoder embeds passages and pieces as passages, every other kind as queries. Texts of the kinds "english" and
    "piece" are English and their own originals: rows of them train the encoder to leave English where it is.
    """

    language: str
    text: str
    english: str
    kind: Kind

    @property
    def is_passage(self) -> bool:
        """Whether the encoder embeds it as a passage."""
        return self.kind in ("passage", "piece")


@dataclass(frozen=True, slots=True)
class Split:
    """Parallel questions by article: to train on, to select weights by, to report on."""

    train: ParallelSquad
    dev: ParallelSquad
    test: ParallelSquad


def split_articles(squad: ParallelSquad, *, test: int, dev: int, seed: int, train: int | None = None) -> Split:
    """Hold out whole articles. The training part loses their passages too; dev and test keep the whole pool.

    `train` is the number of other articles to train on; a smaller number takes a subset of a larger one's articles.
    None takes all. Raises DataError if there are too few articles.
    """
    articles = squad.articles
    if test + dev + (train or 1) > len(articles):
        purpose = f"hold out {test} for the report and {dev} to choose" + (f" and train on {train}" if train else "")
        raise DataError(f"{len(articles)} articles are too few to {purpose}.")
    rng = random.Random(seed)
    held_out = rng.sample(articles, test + dev)
    unseen = set(held_out)
    if train:
        others = [article for article in articles if article not in unseen]
        unseen |= set(rng.sample(others, len(others))[train:])
    return Split(squad.without_passages(unseen), squad.only(set(held_out[test:])), squad.only(set(held_out[:test])))


@dataclass(frozen=True, slots=True)
class Material:
    """What the data folders hold, divided into what is trained on and what is measured."""

    split: Split | None
    pairs: list[Pair]
    labelled: list[LabelledQuery]
    test_labelled: list[LabelledQuery]

    @property
    def texts(self) -> list[ParallelText]:
        """Everything to train on that has an English original."""
        return parallel_texts(self.split.train if self.split else None, self.pairs, self.labelled)

    @property
    def validation(self) -> ParallelSquad | None:
        """The development questions, and all English ones outside the test; None without development questions.

        The guard embeds English questions by the untouched encoder, so those of the training articles are valid for
        selection too.
        """
        if not self.split or not any(self.split.dev.questions.values()):
            return None
        english = self.split.train.questions["en"] + self.split.dev.questions["en"]
        return ParallelSquad({**self.split.dev.questions, "en": english}, self.split.dev.passages)

    def require_squad(self, method: str) -> ParallelSquad:
        """The parallel questions to train on. Raises DataError for the method if there are none."""
        if self.split is None:
            raise DataError(f"{method} needs parallel SQuAD data: a folder of files named like xquad.ro.json.")
        return self.split.train


def parallel_texts(
    squad: ParallelSquad | None = None, pairs: Sequence[Pair] = (), labelled: Sequence[LabelledQuery] = ()
) -> list[ParallelText]:
    """Questions and passages of parallel SQuAD, pairs and labelled queries; and their English sides as own texts."""
    texts = [ParallelText(pair.language, pair.text, pair.english, "pair") for pair in pairs]
    translations = [row for row in labelled if row.english and row.text != row.english]
    texts += [ParallelText(row.language, row.text, row.english, "pair") for row in translations]
    if squad:
        texts += _squad_texts(squad)
    english = dict.fromkeys(text.english for text in texts if not text.is_passage)
    texts += [ParallelText("en", text, text, "english") for text in english]
    pieces = [piece for text in squad.passages.get("en", {}).values() for piece in _pieces(text)] if squad else []
    return texts + [ParallelText("en", piece, piece, "piece") for piece in pieces]


def _squad_texts(squad: ParallelSquad) -> list[ParallelText]:
    """The questions that exist in English, and the passages, of every other language."""
    english_questions = {question.id: question.text for question in squad.questions.get("en", [])}
    english_passages = squad.passages.get("en", {})
    texts: list[ParallelText] = []
    for language in squad.questions:
        if language == "en":
            continue
        questions = [question for question in squad.questions[language] if question.id in english_questions]
        texts += [ParallelText(language, q.text, english_questions[q.id], "question") for q in questions]
        passages = squad.passages[language].items()
        texts += [ParallelText(language, text, english_passages[id_], "passage") for id_, text in passages]
    return texts


def _pieces(text: str) -> list[str]:
    """An English passage in runs of PIECE_WORDS words: whole passages would make every batch as long as themselves."""
    words = text.split()
    return [" ".join(words[n : n + PIECE_WORDS]) for n in range(0, len(words), PIECE_WORDS)]
