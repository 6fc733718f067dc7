"""Dify's external knowledge API."""


def retrieve(server, **body):
    return server.http.post("/retrieval", json={"knowledge_id": "library", "query": "Eiffel Tower", **body})


def test_records_are_the_passages_found(server):
    records = retrieve(server, retrieval_setting={"top_k": 2, "score_threshold": 0}).json()["records"]
    assert len(records) == 2
    assert (records[0]["title"], records[0]["content"]) == ("tower", "The Eiffel Tower is 330 metres tall.")
    assert 0 <= records[1]["score"] <= records[0]["score"] <= 1
    assert "330" in server.http.get(records[0]["metadata"]["url"]).text


def test_records_under_the_threshold_are_left_out(server):
    (best, *_) = retrieve(server, retrieval_setting={"top_k": 2, "score_threshold": 0}).json()["records"]
    setting = {"top_k": 2, "score_threshold": best["score"] + 0.01}
    assert retrieve(server, retrieval_setting=setting).json() == {"records": []}


def test_an_unknown_knowledge_base_is_refused(server):
    assert retrieve(server, knowledge_id="none").status_code == 404
