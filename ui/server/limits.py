"""The limits of a server, for administrators to see."""

from rag.settings import Settings
from ui.answering.fair_queue import MAX_WAITING
from ui.page.uploads import Uploads
from ui.state import accounts
from ui.state.types import Limit


def limits(settings: Settings, uploads: Uploads, answers_at_once: int) -> list[Limit]:
    """The limits in force, with the settings that change them."""
    locked = int(accounts.LOCKED.total_seconds() // 60)
    return [
        Limit("limit_file", f"{settings.max_file_mb} MB", "max_file_mb"),
        Limit("limit_uploads", f"{uploads.max_bytes / 1e6:.0f} MB", "max_file_mb"),
        Limit("limit_timeout", f"{settings.timeout:g} s", "timeout"),
        Limit("limit_answer", str(settings.max_answer_tokens), "max_answer_tokens"),
        Limit("limit_questions", f"{answers_at_once} + {MAX_WAITING}"),
        Limit("limit_logins", f"{accounts.MAX_FAILURES} ({locked} min)"),
        Limit("limit_session", f"{accounts.SESSION.total_seconds() / 3600:g} h"),
    ]
