from typing import Any

from rag.errors import GeneratorOverloadError
from ui.page.chat import _answer


class Overloaded:
    """Questions to a generator that has too much to do."""

    async def stream(self, *_: Any):
        raise GeneratorOverloadError("The generator is <busy>; ask again in a moment.")
        yield


async def test_what_the_generator_says_of_overload_stands_in_the_conversation():
    questions: Any = Overloaded()
    asked = [{"role": "user", "content": "Who?"}]
    conversations = [conversation async for conversation, _ in _answer(questions, "library", asked, {})]
    assert conversations[-1][:-1] == asked
    assert conversations[-1][-1] == {
        "role": "assistant",
        "content": "⚠ The generator is &lt;busy&gt;; ask again in a moment.",
    }
