"""What the browser that sends a request may see."""

import gradio as gr

from ui.answering.answering import Answering, Questions
from ui.answering.request_context import RequestContext
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


def questions_of(answering: Answering, collections: Collections, request: gr.Request) -> Questions:
    """What asks in the name of the request."""
    assert request.request is not None  # noqa: S101 (as above)
    context: RequestContext = request.request.state.context
    return answering.of(view_of(collections, request), context)


def administrator(request: gr.Request) -> Access:
    """The administrator who sends a request. Raises ForbiddenError if its sender is none."""
    access = access_of(request)
    access.check(Scope.ADMIN)
    return access
