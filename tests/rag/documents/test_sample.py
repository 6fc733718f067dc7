from rag.documents.sample import articles, questions


def test_articles_and_questions():
    texts = articles()
    assert len(texts) >= 60
    assert all(text.startswith("# ") and len(text.split()) > 60 for text in texts.values())
    assert len({question.language for question in questions()}) >= 12
    assert {question.article for question in questions()} <= texts.keys()
