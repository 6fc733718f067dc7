from benchmarks.names import tasks


def test_every_language_asks_for_every_name_and_its_own_passage():
    names = tasks()
    assert len(names) == 12
    assert sum(len(task.queries) for task in names) == 240
    assert all(set(task.qrels) == set(task.queries) for task in names)
    german = next(task for task in names if task.language == "de")
    assert german.queries["0@de"].text == "Wo entspringt die Donau?"
    assert german.passages["0"].text.startswith("The Danube")
