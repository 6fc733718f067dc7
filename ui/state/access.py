"""Who asks, and what they may do."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from retriever.errors import IsthmusError


class Role(StrEnum):
    """What a user may do, each more than the one before."""

    READER = "reader"  # ask and search
    EDITOR = "editor"  # make collections, change the documents of those that he sees
    ADMINISTRATOR = "administrator"  # everything


class Scope(StrEnum):
    """What a key may be used for, as far as its user may."""

    ASK = "ask"
    WRITE = "write"
    ADMIN = "admin"


ROLES = {
    Scope.ASK: frozenset(Role),
    Scope.WRITE: frozenset({Role.EDITOR, Role.ADMINISTRATOR}),
    Scope.ADMIN: frozenset({Role.ADMINISTRATOR}),
}
"""The roles that may do what a scope is about."""
MAX_PER_MINUTE = 1_000_000
"""Requests a minute that a key may be allowed."""
TOKEN_FILE = "server.token"  # noqa: S105
"""In the library's folder while a server asks for a login: what lets the command of the same account in."""
EVERYONE = "everyone"
"""In the list of a collection's readers: all who have logged in."""


class ForbiddenError(IsthmusError):
    """The user or the key may not do this."""


@dataclass(frozen=True, slots=True)
class Access:
    """A user, and what this request may do in his name."""

    name: str
    role: Role
    groups: frozenset[str] = frozenset()
    scopes: frozenset[Scope] = frozenset(Scope)

    def sees(self, owner: str, readers: Sequence[str]) -> bool:
        """Whether a collection with this owner and these readers exists, as far as the user knows."""
        names = {EVERYONE, f"user:{self.name}", *(f"group:{group}" for group in self.groups)}
        return self.role is Role.ADMINISTRATOR or owner == self.name or not names.isdisjoint(readers)

    def manages(self, owner: str) -> bool:
        """Whether a collection of this owner is the user's to rename, share and delete."""
        return owner == self.name or (self.role is Role.ADMINISTRATOR and Scope.ADMIN in self.scopes)

    def check(self, scope: Scope) -> None:
        """Raise ForbiddenError unless the user's role and the key's scopes allow this."""
        if self.role not in ROLES[scope]:
            raise ForbiddenError(f"A {self.role} may not do this; ask an administrator.")
        if scope not in self.scopes:
            raise ForbiddenError(f"The key has not the scope {scope}; use one that has.")


OWNER = Access("owner", Role.ADMINISTRATOR)
"""The account of the machine that Isthmus runs in, and everybody as long as no login is asked for."""
