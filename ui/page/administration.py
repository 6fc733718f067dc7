"""What the panels of the administrator's tab share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from retriever.errors import IsthmusError
from ui.page import cards
from ui.page.access import administrator
from ui.state.access import Access


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the tab.

    `content` gives the values of its `components`, for an administrator and in the page's strings; after each of
    `changes`, which are events, the whole tab is filled anew.
    """

    components: Sequence[Any]
    content: Callable[[Access, dict[str, str]], Sequence[Any]]
    changes: Sequence[Any] = field(default=())


def administrators_only(action: Callable[..., Sequence[Any]], outputs: int) -> Callable[..., Any]:
    """The function of an event that answers administrators alone; the first of its `outputs` is a report.

    `action` makes the outputs of the administrator and the event's inputs. Whoever else sends the event finds one
    sentence in the report and nothing else; so does an administrator if `action` raises IsthmusError.
    """

    def run(request: gr.Request, *inputs: Any) -> Any:
        try:
            values = list(action(administrator(request), *inputs))
        except IsthmusError as error:
            values = [cards.failure(str(error)), *(gr.skip() for _ in range(outputs - 1))]
        return values if outputs > 1 else values[0]  # Gradio wants a list for several outputs alone

    return run
