"""`isthmus align --method lira` on real data with the real model: a few steps, a folder, a report."""

import json

import numpy as np
import pytest

from retriever.alignment.methods.lira import Lira
from retriever.alignment.plan import Plan
from retriever.alignment.recipe import Recipe
from retriever.alignment.run import align
from retriever.errors import DataError
from retriever.models.encoder import Encoder
from retriever.models.lira_encoder import LiraEncoder
from tests.retriever.alignment.test_align import small

pytestmark = pytest.mark.slow


@pytest.fixture
def plan(data, tmp_path):
    recipe = Recipe(steps=60, batch=32, learning_rate=1e-4, check_every=20)
    return Plan(Lira(queue=64), (small(data, tmp_path),), tmp_path / "out", recipe, test_articles=2, dev_articles=1)


def test_a_folder_that_searches_with_translations_and_without(plan, base_encoder):
    report = align(plan, base_encoder)
    error = {row["system"]: row["alignment"]["anchoring_error"] for row in report["results"] if row["language"] == "ro"}
    after = [f"after, translations {share} spoilt" for share in ("10%", "30%", "50%")]
    assert list(error) == ["before", *after]
    assert error[after[0]] < error[after[1]] < error["before"]
    assert report["method"] == "lira"
    assert not (plan.out / "checkpoints").exists()
    folder, cache = str(plan.out), base_encoder.cache
    texts = ["Care este cel mai lung fluviu din Europa?", "Which is the longest river of Europe?"]
    plain, lira = Encoder(folder, cache=cache, backend="torch"), LiraEncoder(folder, cache=cache, backend="torch")
    np.testing.assert_allclose(plain.encode_queries(texts), base_encoder.encode_queries(texts), atol=1e-4)
    np.testing.assert_allclose(lira.encode_queries(texts), plain.encode_queries(texts), atol=1e-5)
    lira.translators = [lambda *_: texts[1]]
    own, english = plain.encode_queries(texts)
    np.testing.assert_allclose(lira.encode_query(texts[1], "en")[0], english, atol=1e-5)
    assert float(lira.encode_query(texts[0], "ro")[0] @ english) > float(own @ english)


def test_without_parallel_texts_it_says_what_is_missing(plan, base_encoder):
    file = plan.data[0] / "xquad.ro.json"
    file.write_text(json.dumps({"data": []}), encoding="utf-8")
    with pytest.raises(DataError, match="parallel texts"):
        align(plan, base_encoder)
    assert not plan.out.exists()
