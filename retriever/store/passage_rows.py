"""Passages as rows of a database: how they are asked for, read and written."""

import functools
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from retriever.store import tables
from retriever.store.tables import insert_rows
from retriever.types import Passage, Period

_passages, _times = tables.passages, tables.times
NUMBER = _passages.c.rowid
"""The number of a passage."""
_FIELDS = [column for column in _passages.c if column is not NUMBER]
PASSAGES = select(*_FIELDS, _times.c.periods).select_from(_passages.outerjoin(_times))
"""Rows for `to_passage`."""
NUMBERED_PASSAGES = PASSAGES.with_only_columns(NUMBER, *_FIELDS, _times.c.periods)
"""Numbers, each with a row for `to_passage`."""
# SQLAlchemy has an expression of this for each database, and none for both.
_SET_TIMES = text(
    "INSERT INTO times VALUES (:passage_id, :periods) ON CONFLICT (passage_id) DO UPDATE SET periods = excluded.periods"
).bindparams(bindparam("passage_id", type_=tables.TEXT))


def insert_passages(connection: Connection, first: int, passages: Sequence[Passage]) -> None:
    """Insert passages with their times; they are numbered from `first` on."""
    names = [column.name for column in _FIELDS]
    rows = [
        {"rowid": number, **{name: getattr(passage, name) for name in names}}
        for number, passage in enumerate(passages, first)
    ]
    insert_rows(connection, _passages, rows)
    set_times(connection, passages)


def set_times(connection: Connection, passages: Sequence[Passage]) -> None:
    """Store the times of passages that are there."""
    if passages:
        rows = [{"passage_id": p.id, "periods": " ".join(map(str, p.times))} for p in passages]
        connection.execute(_SET_TIMES, rows)


def to_passage(row: Sequence[Any]) -> Passage:
    """The passage of a row of `PASSAGES`."""
    id_, document_id, title, text, page, start, end, language, periods = row
    return Passage(id_, document_id, title, text, page, start, end, language, _periods(periods or ""))


@functools.lru_cache(10_000)
def _periods(text: str) -> tuple[Period, ...]:
    return tuple(map(Period.parse, text.split()))
