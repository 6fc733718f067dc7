"""What the browser that sends a request may see."""

import gradio as gr

from ui.state.access import Access
from ui.state.collections import Collections
from ui.state.view import CollectionsView


def view_of(collections: Collections, request: gr.Request) -> CollectionsView:
    """The collections as the request's user sees them; the server's gate has told who that is."""
    assert request.request is not None  # noqa: S101 (only a request that Gradio makes up itself has none)
    access: Access = request.request.state.access
    return collections.of(access)
