"""One training loop for every method: sentence-transformers' trainer, with a guard on English."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.evaluation import BaseEvaluator
from sentence_transformers.base.sampler import BatchSamplers
from torch import Tensor, nn
from tqdm import tqdm
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_utils import EvalLoopOutput, get_last_checkpoint

from retriever.alignment.distributed import add_gradients, from_first, is_first, send_to_helpers, share_forward
from retriever.alignment.folder import CHECKPOINTS
from retriever.alignment.guard import EnglishGuard
from retriever.alignment.objective import TokenObjectiveLoss
from retriever.alignment.recipe import Recipe
from retriever.models.backends.pytorch import has_bf16
from retriever.models.delta import State

SHORT_TOKENS = 128
"""Up to this length plain attention trains a quarter faster on a processor than torch's fused attention."""


class Progress(TrainerCallback):
    """A bar of steps, loss and time left on a terminal.

    It replaces the trainer's own lines, which go to standard output: that is for JSON.
    """

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Start the bar, where training resumes."""
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="Training", unit="step", disable=None)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Advance the bar."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """Show the mean loss since the last check, and the guard's score."""
        figures = {name: value for name, value in (logs or {}).items() if name in ("loss", "eval_guarded_mean")}
        self.bar.set_postfix(figures, refresh=False)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Close the bar; it stays on the terminal."""
        self.bar.close()


def train(
    model: SentenceTransformer,
    rows: Dataset,
    loss: nn.Module,
    recipe: Recipe,
    folder: Path,
    guard: EnglishGuard | None = None,
    *,
    unique_texts: bool = False,
) -> None:
    """Train the model in place; with a guard it ends up with the best weights seen.

    With `unique_texts` no text recurs within a batch.
    Checkpoints go to `folder`/checkpoints; if there are any, training resumes from the last. bf16 is used where the
    processor or GPU has it. Several processes or GPUs: see `retriever.alignment.distributed`.
    """
    checkpoints = folder / CHECKPOINTS
    if guard is not None:
        guard.length = model.max_seq_length
    with _set_up(model, recipe):
        if guard is not None and guard.english_before is None:
            guard(model)  # resumed or not, English is compared with the weights that training starts from
        run_trainer(model, rows, loss, recipe, checkpoints, guard, unique_texts=unique_texts)


def run_trainer(
    model: SentenceTransformer,
    rows: Dataset,
    loss: nn.Module,
    recipe: Recipe,
    checkpoints: Path,
    evaluator: BaseEvaluator | None = None,
    *,
    unique_texts: bool = False,
) -> None:
    """Train a model that is set up; with an evaluator of "guarded_mean" it ends up with the best weights seen.

    With `unique_texts` no text recurs within a batch.
    """
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
    given = (model, rows, loss, recipe, checkpoints, last, unique_texts)
    send_to_helpers(_fit, *given, evaluator and BaseEvaluator())  # type: ignore[no-untyped-call]
    _fit(*given, evaluator)


class _Trainer(SentenceTransformerTrainer):
    """The trainer, for one process or several: rows are shared by the losses, the rest is here."""

    def training_step(self, model: nn.Module, *arguments: Any, **options: Any) -> Tensor:
        """A forward and a backward pass."""
        loss = super().training_step(model, *arguments, **options)
        add_gradients(model)
        return loss

    def evaluation_loop(self, *_: Any, **__: Any) -> EvalLoopOutput:
        """The evaluator's measures, made by the first process."""
        measures: dict[str, float] = from_first(lambda: cast(Any, self.evaluator)(self.model))
        return EvalLoopOutput(np.empty(0), None, {f"eval_{name}": value for name, value in measures.items()}, 0)


def _fit(
    model: SentenceTransformer,
    rows: Dataset,
    loss: nn.Module,
    recipe: Recipe,
    checkpoints: Path,
    last: str | None,
    unique_texts: bool,
    evaluator: BaseEvaluator | None,
) -> None:
    """Train, from the last checkpoint if there is one; what each of several processes does."""
    callbacks: list[TrainerCallback] = [Progress()] if is_first() else []
    callbacks += [EarlyStoppingCallback(recipe.patience)] if evaluator is not None else []
    trainer = _Trainer(
        model=model,
        args=_arguments(recipe, checkpoints, guarded=evaluator is not None, unique_texts=unique_texts),
        train_dataset=rows,
        loss=loss,
        evaluator=evaluator,
        callbacks=callbacks,
    )
    trainer.remove_callback(PrinterCallback)
    with contextlib.nullcontext() if isinstance(loss, TokenObjectiveLoss) else share_forward(model):
        trainer.train(resume_from_checkpoint=last)


@contextlib.contextmanager
def _set_up(model: SentenceTransformer, recipe: Recipe) -> Iterator[None]:
    """Prompts, length, attention, word embeddings and dropout as training needs them; all but dropout come back."""
    prompts, length = dict(model.prompts), model.max_seq_length
    network = cast(PreTrainedModel, model[0].auto_model)
    attention = network.config._attn_implementation
    words = cast(nn.Parameter, network.get_input_embeddings().weight)
    words_train = words.requires_grad
    model.prompts = {}  # the rows carry their prefixes
    model.max_seq_length = recipe.max_tokens
    if recipe.max_tokens <= SHORT_TOKENS and not torch.cuda.is_available():
        network.set_attn_implementation("eager")
    words.requires_grad_(words_train and not recipe.freeze_words)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = recipe.dropout
    try:
        yield
    finally:
        model.prompts, model.max_seq_length = prompts, length
        words.requires_grad_(words_train)
        network.set_attn_implementation(attention)
        model.eval()


def _arguments(
    recipe: Recipe, checkpoints: Path, *, guarded: bool, unique_texts: bool
) -> SentenceTransformerTrainingArguments:
    cpu = not torch.cuda.is_available()
    return SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch,
        batch_sampler=BatchSamplers.NO_DUPLICATES if unique_texts else BatchSamplers.BATCH_SAMPLER,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup,
        lr_scheduler_type="cosine",
        bf16=has_bf16(),
        use_cpu=cpu,
        seed=recipe.seed,
        data_seed=recipe.seed,
        eval_strategy="steps" if guarded else "no",
        eval_steps=recipe.check_every,
        save_strategy="steps" if is_first() else "no",
        save_steps=recipe.check_every,
        save_total_limit=2,
        load_best_model_at_end=guarded and is_first(),
        metric_for_best_model="eval_guarded_mean" if guarded else None,
        logging_steps=recipe.check_every,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=not cpu,
    )


def interpolate(base: State, tuned: State, factor: float) -> State:
    """Base + factor · (tuned - base), tensor by tensor: 0 is the base, 1 the tuned model."""
    return {
        name: (value + factor * (tuned[name] - value)).to(value.dtype) if value.is_floating_point() else value
        for name, value in base.items()
    }
