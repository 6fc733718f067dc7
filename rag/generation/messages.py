"""What users read when a generator fails, whichever it is."""

CONTEXT_EXCEEDED = "The question and its passages are longer than the generator's context; lower evidence_tokens."


def empty_answer(label: str) -> str:
    """The generator wrote nothing.

    >>> empty_answer("Qwen2.5 1.5B, embedded")
    'The generator (Qwen2.5 1.5B, embedded) gave an empty answer; ask again or use another model.'
    """
    return f"The generator ({label}) gave an empty answer; ask again or use another model."


def took_too_long(generator: str, seconds: float) -> str:
    """The generator, named by its place or label, exceeded the time limit.

    >>> took_too_long("at http://127.0.0.1:8000/v1", 2).partition(";")[0]
    'The generator at http://127.0.0.1:8000/v1 took longer than 2 seconds'
    """
    return (
        f"The generator {generator} took longer than {seconds:g} seconds; "
        "ask again, give it more time (setting timeout), or use a smaller model."
    )
