"""Check names on the command line against the names that exist."""

from retriever.errors import IsthmusError


def check_choice(name: str, names: tuple[str, ...], kind: str) -> None:
    """Raise IsthmusError if the name is not one of the names; `kind` says what they name, such as "languages"."""
    if name not in names:
        raise IsthmusError(f"{name!r} is none of the {kind}: {', '.join(names)}.")


def parse_choices(text: str, names: tuple[str, ...], kind: str) -> list[str]:
    """Split a comma-separated list of names. Raises IsthmusError for an unknown name or an empty list.

    >>> parse_choices("ro, th", ("de", "ro", "th"), "languages")
    ['ro', 'th']
    """
    choices = [part.strip() for part in text.split(",") if part.strip()]
    for choice in choices:
        check_choice(choice, names, kind)
    if not choices:
        raise IsthmusError(f"Name at least one of the {kind}: {', '.join(names)}.")
    return choices
