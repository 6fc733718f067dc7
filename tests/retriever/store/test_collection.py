import sqlite3

import numpy as np
import pytest
from sqlalchemy import event

from retriever.errors import IsthmusError
from retriever.store.baseline import MIN_PASSAGES
from retriever.store.collection import Collection
from retriever.store.documents import DOCUMENTS_FILE, sqlite_documents
from retriever.store.vectors import VectorIndex


@pytest.fixture
def collection(tmp_path, fake_encoder):
    opened = Collection(tmp_path, fake_encoder)
    yield opened
    opened.close()


class CountingEncoder:
    """An encoder that counts the passages that it is given."""

    def __init__(self, encoder):
        self._encoder = encoder
        self.name = encoder.name
        self.passages = 0

    def encode_passages(self, texts):
        return self._encoder.encode_passages(texts)

    def encode_passage_tokens(self, texts):
        self.passages += len(texts)
        return self._encoder.encode_passage_tokens(texts)


def nearest(collection, encoder, text):
    return collection.nearest(encoder.encode_queries([text])[0], 10)[0][0]


def test_what_is_written_is_found_by_vector_and_by_words(collection, fake_encoder, make_document):
    collection.write(*make_document("coffee", "Coffee comes from Ethiopia.", "Vienna drinks coffee."))
    collection.write(*make_document("tea", "Tea comes from China."))
    assert nearest(collection, fake_encoder, "tea from China") == "tea-0"
    assert [id_ for id_, _ in collection.matching("Ethiopia", 10)] == ["coffee-0"]
    assert collection.languages() == {"en": 3}
    assert collection.passages(["tea-0"])["tea-0"].text == "Tea comes from China."
    assert collection.tokens.ids() == {"coffee-0", "coffee-1", "tea-0"}
    assert collection.faults() == []


def test_a_replacement_leaves_nothing_of_the_old_document(collection, fake_encoder, make_document):
    collection.write(*make_document("old", "The tower is 330 metres tall.", "It stands in Paris."))
    collection.write(*make_document("new", "The tower is 336 metres tall."), replaced=["old"])
    collection.refresh()
    assert collection.vectors.ids() == collection.tokens.ids() == collection.documents.indexed_ids() == {"new-0"}
    assert nearest(collection, fake_encoder, "330 metres") == "new-0"
    assert collection.faults() == []


def test_removal_is_complete(collection, make_document):
    collection.write(*make_document("a", "Alpha."))
    collection.write(*make_document("b", "Beta."))
    collection.remove(["a"])
    collection.refresh()
    assert collection.vectors.ids() == collection.tokens.ids() == collection.documents.indexed_ids() == {"b-0"}
    assert collection.matching("alpha", 10) == []
    assert collection.faults() == []


def test_refresh_makes_the_baseline_anew(collection, fake_encoder, make_document):
    query = fake_encoder.encode_queries(["town"])[0]
    assert collection.baseline.mean_std(query, "en") is None
    texts = [f"Fact {n} about a town." for n in range(MIN_PASSAGES)]
    collection.write(*make_document("facts", *texts))
    collection.refresh()
    cosines = fake_encoder.encode_passages([f"facts\n{text}" for text in texts]) @ query
    assert collection.baseline.mean_std(query, "en") == pytest.approx((cosines.mean(), cosines.std()), abs=1e-4)


def test_faults_name_what_is_missing_and_what_is_too_much(collection, make_document):
    collection.write(*make_document("a", "Alpha.", "Beta."))
    collection.refresh()
    collection.vectors.delete(["a-0"])
    collection.tokens.add({"x-0": np.eye(2, dtype=np.float32)})
    collection.documents.remove(["a"])
    assert collection.faults() == [
        "1 passages in vectors belong to no document",
        "3 passages in token vectors belong to no document",
    ]
    collection.write(*make_document("b", "Gamma."))
    collection.vectors.delete(["b-0"])
    assert "1 passages are missing from vectors" in collection.faults()
    with collection.documents._database.writing() as connection:
        connection.exec_driver_sql("UPDATE recent_words SET number = 7")
    assert "1 passages are missing from the index of words" in collection.faults()
    assert "1 passages in the index of words belong to no document" in collection.faults()


def test_a_clean_shutdown_is_noted_and_a_write_takes_the_note_away(tmp_path, fake_encoder, make_document):
    collection = Collection(tmp_path, fake_encoder)
    collection.write(*make_document("a", "Alpha."))
    assert not collection.documents.clean_shutdown
    collection.close()
    collection = Collection(tmp_path, fake_encoder)
    assert collection.documents.clean_shutdown
    assert (collection.documents.generation, collection.faults()) == (0, [])
    collection.close()


def test_only_vectors_that_are_gone_are_made_anew(tmp_path, fake_encoder, make_document):
    collection = Collection(tmp_path, fake_encoder)
    collection.write(*make_document("a", "Alpha.", "Beta.", "Gamma."))
    collection.refresh()
    collection.vectors.delete(["a-1"])
    collection.close()
    counting = CountingEncoder(fake_encoder)
    recovered = Collection(tmp_path, counting)
    assert counting.passages == 1
    assert (recovered.documents.generation, recovered.faults()) == (1, [])
    assert nearest(recovered, fake_encoder, "Beta") == "a-1"
    name = recovered.documents.collection
    recovered.close()
    client = VectorIndex(fake_encoder, path=tmp_path / "vectors", name=name)
    assert [stored.name for stored in client._client.list_collections()] == [name]  # the old one was dropped
    client.close()


def test_an_unclean_shutdown_is_recovered_from(tmp_path, fake_encoder, make_document):
    collection = Collection(tmp_path, fake_encoder)
    collection.write(*make_document("a", "Alpha."))
    collection.refresh()
    # As a kill between the vectors of a document and its rows leaves them.
    collection.vectors.add([("lost-0", "lost", "en")], fake_encoder.encode_passages(["Lost."]))
    collection.tokens.add({"lost-0": np.eye(2, dtype=np.float32)})
    collection.close()
    documents = sqlite_documents(tmp_path)
    documents.clean_shutdown = False
    documents.close()
    recovered = Collection(tmp_path, fake_encoder)
    assert recovered.faults() == []
    assert recovered.vectors.ids() == recovered.tokens.ids() == {"a-0"}
    recovered.close()


@pytest.mark.parametrize(("boot", "made_anew"), [("this start", 0), ("the next start", 1)])
def test_vectors_are_made_anew_if_the_machine_went_down(
    tmp_path, fake_encoder, make_document, monkeypatch, boot, made_anew
):
    monkeypatch.setattr("retriever.store.documents.boot_id", lambda: "this start")
    collection = Collection(tmp_path, fake_encoder)
    collection.write(*make_document("a", "Alpha."))
    collection.close()
    documents = sqlite_documents(tmp_path)
    documents.clean_shutdown = False
    documents.close()
    monkeypatch.setattr("retriever.store.documents.boot_id", lambda: boot)
    counting = CountingEncoder(fake_encoder)
    for _ in range(2):  # the second time after a clean shutdown
        recovered = Collection(tmp_path, counting)
        assert (counting.passages, recovered.faults()) == (made_anew, [])
        recovered.close()


@pytest.mark.parametrize(
    "change",
    [
        "DROP TABLE words; DROP TABLE languages; DROP TABLE recent_words; DROP TABLE blocks; DROP TABLE postings",
        "UPDATE words SET version = 'of earlier terms'",
        "DELETE FROM documents WHERE id = 'b'; UPDATE state SET revision = revision + 1",  # by an earlier version
        "UPDATE passages SET rowid = rowid + 3",  # as after a dump
        "DELETE FROM recent_words",
    ],
)
def test_words_that_do_not_fit_the_documents_are_made_anew(tmp_path, fake_encoder, make_document, change):
    collection = Collection(tmp_path, fake_encoder)
    for name in ("a", "b", "c"):
        collection.write(*make_document(name, f"Alpha {name}."))
    collection.close()
    with sqlite3.connect(tmp_path / DOCUMENTS_FILE) as database:
        database.execute("PRAGMA foreign_keys = ON")
        database.executescript(change)
        known = {id_ for (id_,) in database.execute("SELECT id FROM passages")}
        database.execute("UPDATE state SET settled = 0")
    recovered = Collection(tmp_path, fake_encoder)
    assert {id_ for id_, _ in recovered.matching("alpha", 10)} == known
    assert recovered.languages() == {"en": len(known)}
    assert recovered.faults() == []
    recovered.close()
    statements: list[str] = []
    reopened = sqlite_documents(tmp_path)
    event.listen(reopened._database._engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    reopened.index_words()
    assert "BEGIN" in statements
    assert "BEGIN IMMEDIATE" not in statements  # they fit now
    reopened.close()


def test_token_vectors_are_made_when_they_are_kept_for_the_first_time(tmp_path, fake_encoder, make_document):
    collection = Collection(tmp_path, fake_encoder, keep_tokens=False)
    collection.write(*make_document("a", "Alpha beta gamma delta."))
    assert collection.tokens is None
    collection.close()
    recovered = Collection(tmp_path, fake_encoder)
    assert recovered.tokens.read(["a-0"])["a-0"].shape[1] == fake_encoder.dimensions
    recovered.close()


def test_another_encoder_is_refused(tmp_path, fake_encoder, make_document):
    class Negated(CountingEncoder):
        def encode_passages(self, texts):
            return -self._encoder.encode_passages(texts)

    collection = Collection(tmp_path, fake_encoder)
    collection.write(*make_document("a", "Alpha."))
    collection.close()
    with pytest.raises(IsthmusError, match="were made by the encoder"):
        Collection(tmp_path, Negated(fake_encoder))
