"""Adding many files at once on Ray Data, by the processors and GPUs of one machine or of a cluster.

A file goes the way of `Library.add`, each step in processes of its own: read and parse -> split -> embed -> pool. This
process writes what comes out, in the order of the files, so that the library ends as `Library.add` leaves it. What
the library has already is left out, so a run that was broken off is taken up by running it again. Ray does a step again
whose process or machine dies; a document is written once, here.
"""

import hashlib
import itertools
import operator
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.build import build_encoder
from rag.documents.ingest import read_document, read_file, supported_files, utc_now
from rag.documents.library import Library, Progress
from rag.documents.parsing import printable
from rag.documents.ray_cluster import LOCAL, Workers, load_ray, ray_cluster
from rag.errors import UnreadableFileError
from rag.settings import Settings
from rag.types import Added
from retriever.errors import IsthmusError
from retriever.models.encoder import encoder_probe, same_encoder
from retriever.models.protocols import PassageEncoder
from retriever.store.embedding import EmbeddedPassages, embed, pool
from retriever.types import Document, Passage, Vectors

if TYPE_CHECKING:
    from ray.data import Dataset

WORKER_SETTINGS = {
    "cache",
    "encoder",
    "query_prefix",
    "passage_prefix",
    "backend",
    "device",
    "max_file_mb",
    "passage_chars",
}
"""What workers need to know; keys and passwords stay here."""
TASK_FILES, MAX_TASKS = 8, 10_000
"""Files that are read in one task; fewer if encoders would wait, and of very many files so many that there are no more
tasks."""
PART_PASSAGES, ENCODED_PARTS = 64, 4
"""Passages that travel together, at most, and how many such parts an encoder takes at a time."""
BLOCK_BYTES = 4_000_000
"""Parts that are passed on together, at most: texts for a minute of one encoder."""

MakeEncoder = Callable[[Settings], PassageEncoder]
Row = dict[str, Any]
"""A row of Ray Data: the number of a file, and its path or a `Part`."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to index: its number among all, the name of its document, its path."""

    number: int
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Part:
    """Up to PART_PASSAGES passages of a document; the first part has the document and all its passages too.

    Of a file that cannot be read it has the reason alone.
    """

    document: Document | None = None
    all_passages: Sequence[Passage] = ()
    passages: Sequence[Passage] = ()  # until they are embedded
    embedded: EmbeddedPassages | None = None
    reason: str = ""


def index_files(
    library: Library,
    paths: Iterable[Path],
    *,
    ray: str = LOCAL,
    make_encoder: MakeEncoder = build_encoder,
    progress: Progress | None = None,
) -> list[Added]:
    """Add files, and the supported files of folders, as `Library.add` does, on Ray.

    `ray` is "local", or the address of a cluster, whose machines have Isthmus, the files and the cache in the same
    places. Ray is started only if there is something to do. `make_encoder` makes the library's encoder in each worker.
    Raises IsthmusError if Ray fails; the documents until then are in the library.
    """
    load_ray(ray)
    absolute = [os.path.abspath(file) for path in paths for file in supported_files(path)]
    files = [File(number, printable(path), Path(path)) for number, path in enumerate(absolute)]
    results: dict[int, Added] = {}

    def report(file: File, added: Added) -> None:
        results[file.number] = added
        if progress:
            progress(len(results), len(files), file.path.name)

    # As in `Library.add`, names that the library has come first.
    known = {file.number for file in files if library.collection.documents.from_source(file.name)}
    with library.changes(), ExitStack() as opened:
        workers = None
        for group in ([f for f in files if f.number in known], [f for f in files if f.number not in known]):
            if manifest := list(_manifest(library, group, report)):
                workers = workers or opened.enter_context(ray_cluster(ray))
                with closing(_index(library, manifest, workers, make_encoder)) as indexed:
                    for file, added in indexed:
                        report(file, added)
    return [results[number] for number in range(len(files))]


def _manifest(library: Library, files: Iterable[File], report: Callable[[File, Added], None]) -> Iterator[File]:
    """The files that are to be read: reports those that cannot be, and those that the library has."""
    for file in files:
        try:
            data = read_file(file.path, library.settings.max_file_mb * 1_000_000)
        except UnreadableFileError as error:
            report(file, Added(file.name, "failed", reason=str(error)))
            continue
        if library.is_unchanged(file.name, hashlib.sha256(data).hexdigest()):
            report(file, Added(file.name, "unchanged"))
        else:
            yield file


def _index(
    library: Library, manifest: Sequence[File], workers: Workers, make_encoder: MakeEncoder
) -> Generator[tuple[File, Added], None, None]:
    """Read, embed and write files; what became of each. Closed early it ends Ray's work, as it must before Ray ends."""
    files = {file.number: file for file in manifest}
    with closing(_run(_dataset(library, manifest, workers, make_encoder))) as rows:
        for number, group in itertools.groupby(rows, operator.itemgetter("number")):
            file, parts = files[number], (row["part"] for row in group)
            first = next(parts)
            if first.document is None:
                yield file, Added(file.name, "failed", reason=first.reason)
            else:
                embedded = (part.embedded for part in itertools.chain([first], parts) if part.embedded)
                document = replace(first.document, added=utc_now())  # documents are listed by it
                yield file, library.add_embedded(document, first.all_passages, embedded)


def _dataset(library: Library, manifest: Sequence[File], workers: Workers, make_encoder: MakeEncoder) -> "Dataset":
    """The parts of the documents in the order of the files, to be computed as they are read from it."""
    import ray

    settings = Settings.model_construct(**library.settings.model_dump(include=WORKER_SETTINGS))
    rows = [{"number": file.number, "name": file.name, "path": os.fsencode(file.path)} for file in manifest]
    probe = encoder_probe(library.encoder)
    task: dict[str, Any] = {"num_cpus": workers.task_processors}
    tasks = min(max(-(-len(rows) // TASK_FILES), workers.encoders), len(rows), MAX_TASKS)
    dataset = (
        ray.data.from_items(rows, override_num_blocks=tasks)
        .flat_map(partial(_read, settings=settings), **task)
        .map_batches(
            _Embedder,
            fn_constructor_args=(make_encoder, settings, probe, library.collection.tokens is not None),
            batch_size=ENCODED_PARTS,
            compute=ray.data.ActorPoolStrategy(size=min(workers.encoders, tasks)),
            num_cpus=workers.encoder_processors,
            num_gpus=workers.encoder_gpus,
        )
        .map(_pool, **task)
    )
    dataset.context.execution_options.preserve_order = True
    dataset.context.target_max_block_size = BLOCK_BYTES
    # Arrow has no type for parts. Ray pickles them anyhow, but would write the beginning of one into its log.
    dataset.context.enable_fallback_to_arrow_object_ext_type = True
    dataset.context.enable_progress_bars = False
    return dataset


def _run(dataset: "Dataset") -> Generator[Row, None, None]:
    """The rows, as they are computed."""
    import ray

    try:
        yield from dataset.iter_rows()
    except ray.exceptions.RayError as error:
        # The message ends with what was raised, after lines of a traceback and the name of a module.
        reason = re.sub(r"^[\w.]+\.(?=\w+: )", "", str(error).strip().rpartition("\n")[2]).rstrip(".")
        raise IsthmusError(
            f"Ray broke off ({reason}); what was written before is in the library, and the same command goes on."
        ) from error


def _read(row: Row, settings: Settings) -> Iterator[Row]:
    """The parts of a file's document."""
    try:
        data = read_file(Path(os.fsdecode(row["path"])), settings.max_file_mb * 1_000_000)
        digest = hashlib.sha256(data).hexdigest()
        document, passages = read_document(row["name"], data, digest, settings.passage_chars)
    except UnreadableFileError as error:
        yield {"number": row["number"], "part": Part(reason=str(error))}
        return
    for start in range(0, len(passages), PART_PASSAGES):
        part = Part(passages=passages[start : start + PART_PASSAGES])
        if start == 0:
            part = replace(part, document=document, all_passages=passages)
        yield {"number": row["number"], "part": part}


class _Embedder:
    """Embeds the passages of parts with an encoder of its own, which must be the library's."""

    def __init__(self, make_encoder: MakeEncoder, settings: Settings, probe: Vectors, with_tokens: bool) -> None:
        self._encoder = make_encoder(settings)
        self._with_tokens = with_tokens
        if not same_encoder(encoder_probe(self._encoder), probe):
            raise IsthmusError(
                f"the encoder {settings.encoder!r} of a worker is not the library's; install the same Isthmus there"
            )

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        parts: list[Part] = list(rows["part"])
        passages = [passage for part in parts for passage in part.passages]
        if passages:
            embedded = embed(self._encoder, passages, with_tokens=self._with_tokens)
            ends = itertools.accumulate(len(part.passages) for part in parts)
            parts = [
                replace(part, passages=(), embedded=embedded[end - len(part.passages) : end])
                for part, end in zip(parts, ends, strict=True)
            ]
        return {"number": rows["number"], "part": parts}


def _pool(row: Row) -> Row:
    """The part with its tokens pooled."""
    part: Part = row["part"]
    return {**row, "part": replace(part, embedded=pool(part.embedded)) if part.embedded else part}
