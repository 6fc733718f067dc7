"""What Chroma alone does; what every store does is in test_ports.py."""

import numpy as np
import pytest
from chromadb.errors import InternalError

from retriever.errors import IsthmusError
from retriever.store.vectors import VectorIndex


def test_read_leaves_out_the_ids_that_chroma_cannot_read(tmp_path, fake_encoder, monkeypatch):
    index = VectorIndex(fake_encoder, path=tmp_path / "vectors")
    rows = [("a-0", "a", "en"), ("a-1", "a", "ro"), ("b-0", "b", "en")]
    index.add(rows, np.eye(3, 64, dtype=np.float32))
    get = index._collection.get

    def broken(ids, include):
        if "a-1" in ids:
            raise InternalError("Error finding id")
        return get(ids=ids, include=include)

    monkeypatch.setattr(index, "_collection", type("Broken", (), {"get": staticmethod(broken)}))
    assert index.read(["a-0", "a-1", "b-0"]).keys() == {"a-0", "b-0"}
    index.close()


def test_a_server_that_is_none_is_named(fake_encoder, free_port):
    with pytest.raises(IsthmusError, match=r"The Chroma address 'ftp://here' is no http\(s\) URL"):
        VectorIndex(fake_encoder, url="ftp://here")
    with pytest.raises(IsthmusError, match=f"No Chroma server answers at http://127.0.0.1:{free_port} "):
        VectorIndex(fake_encoder, url=f"http://me:secret@127.0.0.1:{free_port}")
