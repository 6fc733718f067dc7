"""Vectors that move between the library's folder and Qdrant, and the same hits in both."""

import contextlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from qdrant_client import QdrantClient

from rag.documents.library import Library
from rag.documents.sample import add_sample, questions
from retriever.data.squad import read_squad
from retriever.errors import IsthmusError
from retriever.search.late_interaction import LateInteraction
from retriever.search.retriever import CrossLingualRetriever
from retriever.store import migration
from retriever.store.collection import Collection
from retriever.store.migration import migrate_to_folder, migrate_to_qdrant
from retriever.store.qdrant import QdrantVectors
from retriever.store.qdrant_server import QdrantServer
from tests.conftest import ROOT
from tests.qdrant_edge import EdgeClient, engine

TIE, ENGINE_TIE = 0.002, 0.005
"""Scores of hits this near may change places: 8 bits, and sums in another order; the engine compares 4."""


@pytest.fixture
def collection(tmp_path, fake_encoder, make_document):
    opened = Collection(tmp_path, fake_encoder)
    for name in ("tea", "coffee", "cocoa"):
        opened.write(*make_document(name, f"{name} is a drink.", f"{name} grows in warm countries."))
    yield opened
    opened.close()


def hits(collection, encoder):
    vector = encoder.encode_queries(["coffee is a drink"])[0]
    query = encoder.encode_query("coffee is a drink", "en")[1]
    nearest = dict(collection.nearest(vector, 6))
    return nearest, collection.tokens.max_similarities(query, sorted(nearest))


@pytest.mark.parametrize("keep_tokens", [True, False])
def test_vectors_go_to_qdrant_and_come_back_without_the_encoder(
    collection, tmp_path, fake_encoder, no_encoder, server, keep_tokens
):
    before = hits(collection, fake_encoder)
    collection.close()
    there = Collection(tmp_path, no_encoder, keep_tokens=keep_tokens)
    assert migrate_to_qdrant(there, no_encoder, server) == 6
    there.close()
    remote = Collection(tmp_path, no_encoder, keep_tokens=keep_tokens, qdrant=server)
    assert remote.faults() == []
    if keep_tokens:
        for scores, expected in zip(hits(remote, fake_encoder), before, strict=True):
            assert scores == pytest.approx(expected, abs=0.01)
    assert migrate_to_folder(remote, no_encoder) == 6
    remote.close()
    back = Collection(tmp_path, no_encoder, keep_tokens=keep_tokens)
    assert back.faults() == []
    back.close()


def test_a_copy_that_is_broken_off_changes_nothing_and_is_taken_up(
    collection, tmp_path, no_encoder, make_document, server, monkeypatch
):
    monkeypatch.setattr(migration, "BATCH", 1)
    written: list[str] = []
    add = QdrantVectors.add

    def add_some(self, passages, vectors):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.extend(id_ for id_, _, _ in passages)
        add(self, passages, vectors)

    place = collection.documents.collection
    with monkeypatch.context() as broken:
        broken.setattr(QdrantVectors, "add", add_some)
        with pytest.raises(KeyboardInterrupt):
            migrate_to_qdrant(collection, no_encoder, server)
    assert collection.documents.collection == place
    collection.remove(["tea"])  # of which passages are copied already
    collection.close()
    here = Collection(tmp_path, no_encoder)
    assert here.faults() == []
    again: list[str] = []
    monkeypatch.setattr(QdrantVectors, "add", lambda *given: again.extend(id_ for id_, _, _ in given[1]) or add(*given))
    assert migrate_to_qdrant(here, no_encoder, server) == 4
    assert not set(again) & set(written)
    here.close()
    remote = Collection(tmp_path, no_encoder, qdrant=server)
    assert remote.faults() == []
    remote.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from qdrant_client import QdrantClient
from retriever.store import migration
from retriever.store.collection import Collection
from retriever.store.qdrant import QdrantVectors
from retriever.store.qdrant_server import QdrantServer
from tests.conftest import FakeEncoder

add, calls = QdrantVectors.add, []

def killed(self, *given):
    if len(calls) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    calls.append(given)
    add(self, *given)

QdrantVectors.add, migration.BATCH = killed, 1
collection = Collection(Path(sys.argv[1]), FakeEncoder())
migration.migrate_to_qdrant(collection, FakeEncoder(), QdrantServer(QdrantClient(path=sys.argv[2]), "a folder"))
"""


@pytest.mark.slow
def test_a_killed_migration_is_taken_up(collection, tmp_path, no_encoder):
    collection.close()
    place = str(tmp_path / "qdrant")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), place], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    server = QdrantServer(QdrantClient(path=place), "a folder")
    here = Collection(tmp_path, no_encoder)
    assert here.faults() == []
    assert len(QdrantVectors(server, no_encoder, here.documents.reserve_collection())) == 2
    assert migrate_to_qdrant(here, no_encoder, server) == 6
    here.close()
    remote = Collection(tmp_path, no_encoder, qdrant=server)
    assert remote.faults() == []
    remote.close()
    server.close()


def test_a_copy_that_gives_other_hits_is_refused(collection, no_encoder, server, monkeypatch):
    place, add = collection.documents.collection, QdrantVectors.add
    monkeypatch.setattr(QdrantVectors, "add", lambda self, rows, vectors: add(self, rows, np.roll(vectors, 1, axis=0)))
    with pytest.raises(IsthmusError, match=r"gives other hits: \d+ of \d+ are as near"):
        migrate_to_qdrant(collection, no_encoder, server)
    assert collection.documents.collection == place
    monkeypatch.setattr(QdrantVectors, "add", lambda *_: None)
    collection.documents.switch_collection()  # so that the copy is another
    with pytest.raises(IsthmusError, match="does not have the passages of the library; migrate again"):
        migrate_to_qdrant(collection, no_encoder, server)


def assert_same_hits(first, second, asked, tie):
    """The same passages in the same order, ties aside: those of nearly one score may change places."""
    for question, language in asked:
        expected, hits = (each.search(each.understand(question, language=language), 6) for each in (first, second))
        assert len(hits) == len(expected) > 0
        scores = {hit.passage.id: hit.score for hit in expected}
        for hit, other in zip(hits, expected, strict=True):
            assert hit.score == pytest.approx(other.score, abs=tie), question
            assert scores.get(hit.passage.id, expected[-1].score) == pytest.approx(hit.score, abs=tie), question


@pytest.fixture
def servers(server, tmp_path):
    """Servers, what to do once one is filled, and how near the scores of a tie are.

    Qdrant's engine builds its graphs and 4-bit copies when it is told; local mode has none.
    """
    client = EdgeClient(tmp_path / "qdrant", indexing_threshold=1)
    yield [(server, lambda: None, TIE), (engine(client), client.optimize, ENGINE_TIE)]
    client.close()


def assert_moves_keep_hits(library, encoder, servers, asked):
    """On each server the library's vectors give the hits that they gave in its folder."""
    for server, ready, tie in servers:
        migrate_to_qdrant(library.collection, encoder, server)
        ready()
        with contextlib.closing(Collection(library.folder, encoder, qdrant=server)) as remote:
            reranker = LateInteraction(remote.tokens.max_similarities)
            retriever = CrossLingualRetriever(encoder=encoder, index=remote, reranker=reranker)
            assert_same_hits(library.retriever, retriever, asked, tie)


@pytest.mark.slow
def test_the_sample_gives_the_same_hits(settings, encoder, servers):
    with Library(settings, encoder) as library:
        add_sample(library)
        asked = [(question.question, question.language) for question in questions()]
        assert_moves_keep_hits(library, encoder, servers, asked)


@pytest.mark.slow
def test_english_passages_of_xquad_give_the_same_hits(settings, encoder, servers, data):
    squad = read_squad(data / "xquad", ["en", "ar", "hi", "ro"])
    with Library(settings, encoder) as library:
        library.add_texts([(f"{id_}.txt", text) for id_, text in list(squad.passages["en"].items())[::2]])
        asked = [(question.text, language) for language, rows in squad.questions.items() for question in rows[::40]]
        assert_moves_keep_hits(library, encoder, servers, asked)
