"""Names given on the command line, and which there are."""

from retriever.errors import IsthmusError


def check_choice(name: str, names: tuple[str, ...], what: str) -> None:
    """Raises IsthmusError if the name is not among the names."""
    if name not in names:
        raise IsthmusError(f"{name!r} is none of the {what}: {', '.join(names)}.")


def parse_choices(text: str, names: tuple[str, ...], what: str) -> list[str]:
    """The names of a comma-separated list. Raises IsthmusError for an unknown one, or none."""
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    for part in chosen:
        check_choice(part, names, what)
    if not chosen:
        raise IsthmusError(f"Name at least one of the {what}: {', '.join(names)}.")
    return chosen
