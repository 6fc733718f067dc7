"""What the browser that sends a request may see."""

import gradio as gr

from ui.state.access import Access, Scope
from ui.state.collections import Collections
from ui.state.view import CollectionsView


def access_of(request: gr.Request) -> Access:
    """Who sends a request; the server's gate has told."""
    assert request.request is not None  # noqa: S101 (only a request that Gradio makes up itself has none)
    access: Access = request.request.state.access
    return access


def view_of(collections: Collections, request: gr.Request) -> CollectionsView:
    """The collections as the request's user sees them."""
    return collections.of(access_of(request))


def administrator(request: gr.Request) -> Access:
    """The administrator who sends a request. Raises ForbiddenError if its sender is none."""
    access = access_of(request)
    access.check(Scope.ADMIN)
    return access
