from rag.generation.citation_marks import cited_numbers, strip_citation_marks


def test_marks():
    assert cited_numbers("A [1], b [2, 3] c【4】 d [text]") == [1, 2, 3, 4]
    assert strip_citation_marks("A [1], b [2, 3].") == "A, b."
