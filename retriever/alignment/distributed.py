"""Training by several processes, which torchrun starts, with the weights that one process gives.

The first process does what one process does: it reads, mines, measures, saves and reports. The others are its helpers:
they wait for a training, take part in its steps, and wait for the next. In a training each process holds the same
batch, weights and random state, as if it were alone. But it computes the model for its share of the rows only: the
results are gathered, each process takes the loss of all of them, and the gradients of the shares are added up.

The gradient of the loss by a weight is the sum over rows of what passes through each row's result. A process has the
results of the others without their graphs, so its gradient is the part of its own rows, and the sum is the whole.
"""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, distributed, nn
from torch.distributed.rendezvous import rendezvous

from retriever.errors import IsthmusError

T = TypeVar("T")
WAIT = timedelta(days=30)
"""How long helpers wait for the first process, which may mine for hours; if it is lost they end at once."""
TRAINER_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
"""What torchrun sets and the trainer reads. It is to see one process, or it would divide batches and wrap the model."""


class LostProcessError(IsthmusError):
    """Another process of the training has ended."""


def lead(work: Callable[[], object]) -> None:
    """Do the work in the first of the processes that torchrun started, with the others as its helpers.

    Without torchrun, or with one process, it only does the work. Call it before anything uses a GPU. If a process
    fails, the first to do so raises its error; the others exit with 1 and say nothing.
    """
    if not distributed.is_torchelastic_launched() or int(os.environ["WORLD_SIZE"]) == 1:
        _hide_from_trainer()
        work()
        return
    store = _join()
    try:
        if is_first():
            _do(work)
            _broadcast(None)
        else:
            _help()
    except BaseException:
        _fail(store)
        raise
    distributed.destroy_process_group()


def is_first() -> bool:
    """Whether this is the first process, or the only one."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def send_to_helpers(function: Callable[..., object], *arguments: object) -> None:
    """Have each helper call a function of a module with these arguments, on its processor; nothing without helpers."""
    if distributed.is_initialized():
        call = io.BytesIO()
        torch.save((function, arguments), call)
        _broadcast(call.getvalue())


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes, in all processes."""
    if not distributed.is_initialized():
        return make()
    value: T = _broadcast(make() if is_first() else None)
    return value


def share_rows(function: Callable[[dict[str, Any]], tuple[Tensor, ...]], batch: dict[str, Any]) -> tuple[Tensor, ...]:
    """The results of a function of a batch of B rows, (B, …) each; it must treat each row by itself.

    The rows are in the batch's tensors (B, …), the first of which tells B. Each process calls the function with its
    share of the rows; if B cannot be divided, some rows come twice. Gradients reach the process's own rows.
    """
    if not distributed.is_initialized():
        return function(batch)
    tensors = {name: value for name, value in batch.items() if isinstance(value, Tensor) and value.ndim}
    count = len(next(iter(tensors.values())))
    share = -(-count // distributed.get_world_size())
    numbers = (torch.arange(share) + share * distributed.get_rank()) % count
    rows = {name: value[numbers.to(value.device)] for name, value in tensors.items() if len(value) == count}
    return tuple(_gather(result)[:count] for result in function(batch | rows))


@contextlib.contextmanager
def share_forward(model: SentenceTransformer) -> Iterator[None]:
    """In training, the model's forward pass shares its rows (`share_rows`) and gives the texts' vectors alone."""
    if not distributed.is_initialized():
        yield
        return
    forward = model.forward

    def shared(features: dict[str, Any], **options: Any) -> dict[str, Any]:
        if not model.training:
            return forward(features, **options)
        (vectors,) = share_rows(lambda rows: (forward(rows, **options)["sentence_embedding"],), features)
        return features | {"sentence_embedding": vectors}

    model.forward = shared  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        del model.forward


def add_gradients(model: nn.Module) -> None:
    """Give all processes the sum of their gradients."""
    if distributed.is_initialized():
        with _others():
            for weight in model.parameters():
                if weight.grad is not None:
                    distributed.all_reduce(weight.grad)


def _join() -> Any:
    """Join the other processes, this one with one GPU if there are any; returns the store that all of them reach."""
    local_rank = int(os.environ["LOCAL_RANK"])
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
    numbers = gpus.split(",") if gpus is not None else [str(n) for n in range(local_rank + 1)]
    os.environ["CUDA_VISIBLE_DEVICES"] = numbers[local_rank] if local_rank < len(numbers) else ""
    has_gpu = torch.cuda.is_available()
    store, rank, size = next(rendezvous("env://"))
    _hide_from_trainer()
    with _others():
        store.set(f"has_gpu/{rank}", str(has_gpu))
        is_mixed = len({store.get(f"has_gpu/{other}") for other in range(size)}) > 1
    if is_mixed:
        _fail(store)
        raise IsthmusError("There are fewer GPUs than processes; start as many as there are GPUs (--nproc-per-node).")
    backend = "cpu:gloo,cuda:nccl" if has_gpu else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=WAIT)
    return store


def _hide_from_trainer() -> None:
    for name in TRAINER_VARIABLES:
        os.environ.pop(name, None)


def _do(work: Callable[[], object]) -> None:
    """Do the work, which may end by an exit without an error, as a command line does."""
    try:
        work()
    except SystemExit as end:
        if end.code:
            raise


def _help() -> None:
    """Do what the first process sends until it has done its work."""
    while (call := _broadcast(None)) is not None:
        function, arguments = torch.load(io.BytesIO(call), map_location="cpu", weights_only=False)
        function(*arguments)


def _fail(store: Any) -> None:
    """Note that this process failed; exits with 1 if another did before, which has said why."""
    try:
        is_first_to_fail = store.add("failed", 1) == 1
    except RuntimeError:  # the process that holds the store has ended
        is_first_to_fail = False
    if not is_first_to_fail:
        raise SystemExit(1)


def _broadcast(value: object) -> Any:
    """The first process's value, in all processes."""
    box = [value]
    with _others():
        distributed.broadcast_object_list(box, device=torch.device("cpu"))
    return box[0]


def _gather(share: Tensor) -> Tensor:
    """The shares of all processes, of one shape, one after the other; with the graph of this process's own."""
    shares = [torch.empty_like(share) for _ in range(distributed.get_world_size())]
    with _others():
        distributed.all_gather(shares, share.detach().contiguous())
    shares[distributed.get_rank()] = share
    return torch.cat(shares)


@contextlib.contextmanager
def _others() -> Iterator[None]:
    """Where the other processes are reached. Raises LostProcessError if one of them is gone."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            "Another process of the training has ended; start the same command again, and it resumes."
        ) from error
