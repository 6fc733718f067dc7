"""One training loop for every method: sentence-transformers' trainer, with a guard on English."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from torch import nn
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
from transformers.trainer_utils import get_last_checkpoint

from retriever.alignment.guard import EnglishGuard
from retriever.errors import DataError
from retriever.models.delta import State
from retriever.models.encoder import Encoder

SHORT_TOKENS = 128
"""Up to so many tokens plain attention trains a quarter faster on a processor than torch's fused one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast to train.

    `mini_batch` bounds memory by cached gradients; None embeds a batch at once. `max_tokens` cuts texts in training
    only. Without `dropout` a step takes two thirds of the time, and training that was broken off ends as it would have.
    Every `check_every` steps the guard looks at the development questions, and `patience` checks without a better
    result end the training.
    """

    steps: int
    batch: int = 64
    learning_rate: float = 5e-5
    warmup: float = 0.05
    mini_batch: int | None = None
    max_tokens: int = 128
    freeze_words: bool = True
    dropout: float = 0.0
    check_every: int = 50
    patience: int = 4
    english_tolerance: float = 0.005
    seed: int = 1


class Progress(TrainerCallback):
    """Steps, loss and the time left, on a terminal. The trainer's own lines go to standard output, which is JSON's."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Resumed, it goes on where training does."""
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="Training", unit="step", disable=None)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Another step."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        """The mean loss since the last time, and the guard's score."""
        shown = {name: value for name, value in (logs or {}).items() if name in ("loss", "eval_guarded_mean")}
        self.bar.set_postfix(shown, refresh=False)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """The bar stays as it was last."""
        self.bar.close()


def train(
    model: SentenceTransformer,
    rows: Dataset,
    loss: nn.Module,
    recipe: Recipe,
    folder: Path,
    guard: EnglishGuard | None = None,
) -> None:
    """Train the model in place; with a guard it ends up with the best weights seen.

    Checkpoints go to `folder`/checkpoints; if there are any, training goes on from the last. bf16 is used where the
    processor or GPU has it. Several GPUs: start it with `accelerate launch`.
    """
    prompts, longest = dict(model.prompts), model.max_seq_length
    if guard is not None:
        guard.length = longest
    model.prompts = {}  # the rows carry their prefixes
    model.max_seq_length = recipe.max_tokens
    network = cast(PreTrainedModel, model[0].auto_model)
    attention = network.config._attn_implementation
    if recipe.max_tokens <= SHORT_TOKENS and not torch.cuda.is_available():
        network.set_attn_implementation("eager")
    words = cast(nn.Parameter, network.get_input_embeddings().weight)
    trained = words.requires_grad
    words.requires_grad_(trained and not recipe.freeze_words)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = recipe.dropout
    checkpoints = folder / "checkpoints"
    if guard is not None and guard.english_before is None:
        guard(model)  # resumed or not, English is measured against the weights training starts from
    try:
        trainer = SentenceTransformerTrainer(
            model=model,
            args=_arguments(recipe, checkpoints, guarded=guard is not None),
            train_dataset=rows,
            loss=loss,
            evaluator=guard,
            callbacks=[Progress(), *([EarlyStoppingCallback(recipe.patience)] if guard is not None else [])],
        )
        trainer.remove_callback(PrinterCallback)
        last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
        trainer.train(resume_from_checkpoint=last)
    finally:
        model.prompts, model.max_seq_length = prompts, longest
        words.requires_grad_(trained)
        network.set_attn_implementation(attention)
        model.eval()


def claim_folder(folder: Path, plan: object) -> None:
    """Make the folder and note whose it is. Raises DataError if checkpoints of another plan lie there."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "plan.txt"
    text = repr(plan) + "\n"
    if (folder / "checkpoints").is_dir() and note.is_file() and note.read_text(encoding="utf-8") != text:
        raise DataError(f"{folder} holds unfinished training by another plan; name another folder or delete it.")
    note.write_text(text, encoding="utf-8")


def save_model(model: SentenceTransformer, base: Encoder, folder: Path) -> None:
    """Write a sentence-transformers folder that carries the base's prefixes."""
    model.prompts = {"query": base.query_prefix, "document": base.passage_prefix}
    model.save_pretrained(str(folder), create_model_card=False)


def _arguments(recipe: Recipe, checkpoints: Path, *, guarded: bool) -> SentenceTransformerTrainingArguments:
    cpu = not torch.cuda.is_available()
    return SentenceTransformerTrainingArguments(
        output_dir=str(checkpoints),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch,
        learning_rate=recipe.learning_rate,
        warmup_steps=recipe.warmup,
        lr_scheduler_type="cosine",
        bf16=has_bf16(),
        use_cpu=cpu,
        seed=recipe.seed,
        data_seed=recipe.seed,
        eval_strategy="steps" if guarded else "no",
        eval_steps=recipe.check_every,
        save_strategy="steps",
        save_steps=recipe.check_every,
        save_total_limit=2,
        load_best_model_at_end=guarded,
        metric_for_best_model="eval_guarded_mean" if guarded else None,
        logging_steps=recipe.check_every,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=not cpu,
    )


def has_bf16() -> bool:
    """Whether bf16 arithmetic is worth it here: on a GPU that has it, or a processor with AVX-512 BF16 or AMX."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return os.path.exists("/proc/cpuinfo") and "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def interpolate(base: State, tuned: State, factor: float) -> State:
    """Base + factor · (tuned - base), tensor by tensor: 0 is the base, 1 the tuned model."""
    return {
        name: (value + factor * (tuned[name] - value)).to(value.dtype) if value.is_floating_point() else value
        for name, value in base.items()
    }
