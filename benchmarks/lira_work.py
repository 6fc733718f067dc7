"""What the parts of `benchmarks.lira` make once and keep in a folder: embedded rows, and trained networks."""

import hashlib
import os
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, from_numpy

from benchmarks.lira_data import DATA_SEED, reported_queries, training_queries
from retriever.alignment.methods.lira.candidates import add_noise
from retriever.alignment.methods.lira.method import Lira
from retriever.alignment.methods.lira.rows import (
    LiraQuery,
    LiraRows,
    SimilarRows,
    embed_rows,
    embed_view,
    noised_candidates,
)
from retriever.alignment.methods.lira.train import language_rows, train_lira
from retriever.alignment.recipe import Recipe
from retriever.languages.scripts import UNSPACED
from retriever.models.encoder import Encoder
from retriever.models.lira import LiraNetwork, View, load_lira

STEPS = 400


@dataclass(frozen=True, slots=True)
class Reported:
    """A data set that is reported: queries, their rows, and the vectors of the documents that they search."""

    name: str
    queries: Sequence[LiraQuery]
    documents: Sequence[str]
    rows: LiraRows
    pool: Tensor

    @property
    def right(self) -> Tensor:
        """The number of each row's right document in the pool, (N,)."""
        return (self.rows.documents @ self.pool.T).argmax(dim=1)

    def first_of_languages(self, count: int) -> list[int]:
        """The numbers of the first `count` queries of each language."""
        return [number for numbers in language_rows(self.rows).values() for number in numbers[:count]]

    def only(self, numbers: list[int]) -> "Reported":
        """Some of the queries, against all documents."""
        rows = self.rows
        own, candidates = (View(view.vectors[numbers], view.bins[numbers]) for view in (rows.own, rows.candidates))
        chosen = LiraRows(
            own=own,
            candidates=candidates,
            ratings=rows.ratings[numbers],
            english=rows.english[numbers],
            documents=rows.documents[numbers],
            languages=[rows.languages[number] for number in numbers],
        )
        return replace(self, queries=[self.queries[number] for number in numbers], rows=chosen)


@dataclass(frozen=True, slots=True)
class Work:
    """A folder for one encoder; a run that broke off goes on from what it holds."""

    folder: Path
    data: Path
    encoder: Encoder
    steps: int = STEPS

    def training(self) -> tuple[LiraRows, LiraRows]:
        """Rows to train on, and rows to select weights by."""
        train, development = training_queries(self.data, DATA_SEED)
        return self._embedded("train", train), self._embedded("development", development)

    def reported(self, *names: str) -> dict[str, Reported]:
        """The data sets that are reported, by name; all of them if none is named."""
        parts = {}
        for name, (queries, documents) in reported_queries(self.data, DATA_SEED).items():
            if not names or name in names:
                pool = self.keep(f"{name}-pool-{digest(documents)}.tensor", partial(self.passages, documents))
                parts[name] = Reported(name, queries, documents, self._embedded(name, queries), pool)
        return parts

    def passages(self, texts: Sequence[str]) -> Tensor:
        """Vectors of passages."""
        return from_numpy(self.encoder.encode_passages(texts))

    def noised(self, part: Reported, share: float) -> View:
        """The view of a part's queries with a share of their own words spoilt; of their letters in unspaced scripts."""
        texts = noised_queries(part.queries, share)
        languages = [query.language for query in part.queries]
        return self.view(
            f"{part.name}-noised-{share}-{digest(texts)}", lambda: embed_view(self.encoder, texts, languages)
        )

    def rows(self, name: str, make: Callable[[], LiraRows]) -> LiraRows:
        """Rows that are made once."""

        def parts() -> dict[str, Any]:
            rows = make()
            others = {name: getattr(rows, name) for name in ("ratings", "english", "documents")}
            views = {side: _parts(getattr(rows, side)) for side in ("own", "candidates")}
            return {**others, **views, "languages": list(rows.languages)}

        kept = self.keep(f"{name}.rows", parts)
        return LiraRows(own=View(*kept.pop("own")), candidates=View(*kept.pop("candidates")), **kept)

    def view(self, name: str, make: Callable[[], View]) -> View:
        """A view that is made once."""
        return View(*self.keep(f"{name}.view", lambda: _parts(make())))

    def keep(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` makes of tensors, lists, strings and numbers, made once and written whole or not at all."""
        file = self.folder / name
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_name(f"{name}.part")
            torch.save(make(), part)
            os.replace(part, file)
        return torch.load(file)

    def network(
        self,
        name: str,
        method: Lira,
        rows: LiraRows,
        development: LiraRows,
        *,
        seed: int = 1,
        similar: SimilarRows | None = None,
    ) -> LiraNetwork:
        """A network of the method that is trained once, its weights selected on the development rows."""
        recipe = Recipe(steps=self.steps, learning_rate=1e-3, check_every=100, patience=100, seed=seed)
        made_from = digest(method, recipe, rows, development, similar)
        folder = self.folder / f"{name}-{self.steps}-{seed}-{made_from}"
        if (network := load_lira(folder)) is None:
            with tempfile.TemporaryDirectory() as checkpoints:
                network = train_lira(method, rows, recipe, Path(checkpoints), development, similar)
            folder.mkdir(parents=True, exist_ok=True)
            network.save(folder)
        return network

    def _embedded(self, name: str, queries: Sequence[LiraQuery]) -> LiraRows:
        candidates = noised_candidates(queries, DATA_SEED)
        return self.rows(f"{name}-{digest(queries, candidates)}", lambda: embed_rows(queries, candidates, self.encoder))


def digest(*parts: object) -> str:
    """Eight hex digits for the name of what is made from these: texts, settings, and embedded rows."""
    sha256 = hashlib.sha256()
    for part in parts:
        if isinstance(part, Tensor):
            sha256.update(repr((part.dtype, part.shape)).encode())
            sha256.update(part.contiguous().numpy().data)
        elif isinstance(part, LiraRows | SimilarRows | View):
            sha256.update(digest(*(getattr(part, one.name) for one in fields(part))).encode())
        else:
            sha256.update(repr(part).encode())
    return sha256.hexdigest()[:8]


def noised_queries(queries: Sequence[LiraQuery], share: float) -> list[str]:
    """The queries with a share of their words spoilt; a word that replaces another is of the same language."""
    rng = random.Random(f"{DATA_SEED} {share}")
    words: dict[str, set[str]] = {}
    for query in queries:
        words.setdefault(query.language, set()).update(_spaced(query.text).split())
    vocabularies = {language: sorted(known) for language, known in words.items()}
    texts = []
    for query in queries:
        noised = add_noise(_spaced(query.text), share, vocabularies[query.language], rng)
        texts.append(noised.replace(" ", "") if UNSPACED.search(query.text) else noised)
    return texts


def _spaced(text: str) -> str:
    """The text with a space after every character if its script puts none between words."""
    return " ".join(text) if UNSPACED.search(text) else text


def _parts(view: View) -> tuple[Tensor, Tensor]:
    return view.vectors, view.bins
