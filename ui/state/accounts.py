"""Users with passwords, sessions of browsers, and keys of programs."""

import hashlib
import secrets
import threading
import time
import unicodedata
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Engine, and_, delete, func, select
from sqlalchemy.orm import Session

from retriever.errors import IsthmusError, NotFoundError
from ui.state.access import MAX_PER_MINUTE, OWNER, Access, Role, Scope
from ui.state.audit import AuditTrail
from ui.state.database import AuditRow, CollectionRow, KeyRow, SessionRow, UserRow, now

MAX_NAME = 100
"""Characters of a name of a user or a key."""
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1000
MAX_FAILURES = 5
"""Logins that may fail in a row before the user has to wait."""
LOCKED = timedelta(minutes=15)
SESSION = timedelta(hours=12)
PER_MINUTE = 60
"""Requests a minute that a key may make unless it says otherwise."""


class LoginError(IsthmusError):
    """Name and password do not fit, the user has to wait, or a key or session is not valid."""


class TooManyRequestsError(IsthmusError):
    """A key has made more requests this minute than it may."""


@dataclass(frozen=True, slots=True)
class User:
    """A user: when he last began a session, and until when failed logins lock him out; both in UTC."""

    name: str
    role: Role
    groups: tuple[str, ...]
    last_login: datetime | None
    locked_until: datetime | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key, without its secret: `start` are its first characters."""

    name: str
    start: str
    user: str
    scopes: tuple[Scope, ...]
    per_minute: int


class Accounts:
    """The users, sessions and keys of one server. Threads and processes may share them."""

    def __init__(self, database: Engine) -> None:
        self._database = database
        self._hasher = PasswordHasher()
        self._hashing = threading.RLock()  # a hash takes 64 MB, and logins at once would count as one failure
        self._requests: defaultdict[str, deque[float]] = defaultdict(deque)
        self.audit = AuditTrail(database)

    def users(self) -> list[User]:
        """All users, by name."""
        logins = select(AuditRow.who, func.max(AuditRow.time).label("last")).where(AuditRow.action == "login")
        last_logins = logins.group_by(AuditRow.who).subquery()
        are_his = and_(last_logins.c.who == UserRow.name, last_logins.c.last >= UserRow.created)
        with_logins = select(UserRow, last_logins.c.last).outerjoin(last_logins, are_his)
        with Session(self._database) as session:
            return [_user(row, last_login) for row, last_login in session.execute(with_logins.order_by(UserRow.name))]

    def add_user(self, name: str, password: str | None, role: Role, groups: Sequence[str] = (), *, by: str) -> None:
        """Add a user, or change an existing one: password, role and groups.

        Without a password the user logs in elsewhere: at a provider, or at a proxy. Raises IsthmusError if one of them
        is unfit, or no administrator would be left.
        """
        name = _normal(name)
        if not _is_fit(name):
            raise IsthmusError(
                f"A user's name has 1 to {MAX_NAME} characters and is not {OWNER.name!r}; choose another."
            )
        if password is not None and not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise IsthmusError(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; choose another.")
        with self._hashing:
            password_hash = self._hasher.hash(unicodedata.normalize("NFC", password)) if password is not None else ""
        with Session(self._database) as session, _keeping_an_administrator(session, name):
            row = UserRow(name=name, role=role, groups=[_normal(group) for group in groups], password=password_hash)
            row.failures, row.locked_until = 0, None
            session.merge(row)
            session.execute(delete(SessionRow).where(SessionRow.user == name))
        self.audit.record(by, "set user", f"{name} ({role})")

    def change_user(self, name: str, role: Role, groups: Sequence[str], *, by: str) -> None:
        """Give a user another role and other groups; his password stays.

        Raises NotFoundError, and IsthmusError if no administrator would be left.
        """
        name = _normal(name)
        with Session(self._database) as session, _keeping_an_administrator(session, name):
            row = self._user_row(session, name)
            row.role, row.groups = role, [_normal(group) for group in groups]
        self.audit.record(by, "set user", f"{name} ({role})")

    def unlock_user(self, name: str, *, by: str) -> None:
        """Let a user log in again whom failed logins have locked. Raises NotFoundError."""
        name = _normal(name)
        with Session(self._database) as session:
            row = self._user_row(session, name)
            row.failures, row.locked_until = 0, None
            session.commit()
        self.audit.record(by, "unlock user", name)

    def remove_user(self, name: str, *, by: str) -> None:
        """Delete a user with his sessions and keys; his collections are the owner's.

        Raises NotFoundError, and IsthmusError if no administrator would be left.
        """
        name = _normal(name)
        with Session(self._database) as session, _keeping_an_administrator(session, name):
            session.delete(self._user_row(session, name))
            for row in session.scalars(select(CollectionRow)):
                row.owner = OWNER.name if row.owner == name else row.owner
                row.readers = [reader for reader in row.readers if reader != f"user:{name}"]
            session.execute(delete(SessionRow).where(SessionRow.user == name))
            session.execute(delete(KeyRow).where(KeyRow.user == name))
        self.audit.record(by, "remove user", name)

    def log_in(self, name: str, password: str) -> str:
        """The cookie of a new session.

        Raises LoginError, which tells neither what was wrong nor whether there is such a user. After MAX_FAILURES in a
        row every login of the user fails for a while.
        """
        name = _normal(name)
        with self._hashing, Session(self._database) as session:
            row = session.get(UserRow, name)
            is_locked = bool(row and row.locked_until and row.locked_until > now())
            if not self._fits((row and row.password) or self._nobody, password) or not row or is_locked:
                if row and not is_locked:
                    row.failures += 1
                    if row.failures >= MAX_FAILURES:
                        row.locked_until, row.failures = now() + LOCKED, 0
                    session.commit()
                self.audit.record(name if row else "unknown user", "failed login")
                raise LoginError(
                    f"User name and password do not fit, or too many logins have failed; try again, or wait "
                    f"{LOCKED.seconds // 60} minutes."
                )
            row.failures, row.locked_until = 0, None
            session.commit()
        self.audit.record(name, "login")
        return self._start_session(name)

    def log_in_external(self, name: str, groups: Sequence[str]) -> str:
        """The cookie of a new session of a user whom a provider names. Raises LoginError."""
        user = self.external_access(name, groups)
        secret = self._start_session(user.name)
        self.audit.record(user.name, "login")
        return secret

    def external_access(self, name: str, groups: Sequence[str] | None = None) -> Access:
        """A user whom a provider or proxy names; a new one is a reader. `groups` replace those that he had.

        Raises LoginError if the name is unfit, or is that of a user with a password here.
        """
        name = _normal(name)
        with Session(self._database) as session:
            row = session.get(UserRow, name)
            if not _is_fit(name) or (row and row.password):
                raise LoginError(f"{name!r} cannot log in this way; ask an administrator.")
            if row is None:
                row = UserRow(name=name, role=Role.READER, groups=[], password="")
                session.add(row)
                self.audit.record(name, "first login")
            if groups is not None:
                row.groups = [_normal(group) for group in groups]
            session.commit()
            return _access(row)

    def log_out(self, cookie: str) -> None:
        """End a session; nothing happens if it is over."""
        with Session(self._database) as session:
            session.execute(delete(SessionRow).where(SessionRow.hash == _hash(cookie)))
            session.commit()

    def session_access(self, cookie: str) -> Access | None:
        """Who a browser's cookie stands for; None if the session is over."""
        with Session(self._database) as session:
            row = session.get(SessionRow, _hash(cookie))
            user = session.get(UserRow, row.user) if row and row.expires > now() else None
            return _access(user) if user else None

    def keys(self) -> list[Key]:
        """All keys, by name."""
        with Session(self._database) as session:
            rows = session.scalars(select(KeyRow).order_by(KeyRow.name))
            return [
                Key(row.name, row.start, row.user, tuple(Scope(s) for s in row.scopes), row.per_minute) for row in rows
            ]

    def add_key(self, name: str, user: str, scopes: Sequence[Scope], per_minute: int = PER_MINUTE, *, by: str) -> str:
        """A new key, which is not kept and cannot be shown again. Raises NotFoundError or IsthmusError."""
        secret, user = f"isthmus-{secrets.token_urlsafe(32)}", _normal(user)
        if not _is_printable(name) or not scopes or not 1 <= per_minute <= MAX_PER_MINUTE:
            raise IsthmusError(
                f"A key has a name of 1 to {MAX_NAME} characters, a scope, and 1 to {MAX_PER_MINUTE} requests a "
                "minute; correct them."
            )
        with Session(self._database) as session:
            self._user_row(session, user)
            if session.scalar(select(KeyRow).where(KeyRow.name == name)):
                raise IsthmusError(f"There is a key called {name!r} already; choose another name.")
            row = KeyRow(hash=_hash(secret), start=secret[:12], name=name, user=user, scopes=list(scopes))
            row.per_minute = per_minute
            session.add(row)
            session.commit()
        self.audit.record(by, "add key", f"{name} of {user}: {', '.join(scopes)}")
        return secret

    def remove_key(self, name: str, *, by: str) -> None:
        """Delete a key. Raises NotFoundError."""
        with Session(self._database) as session:
            row = session.scalar(select(KeyRow).where(KeyRow.name == name))
            if row is None:
                raise NotFoundError(f"No key is called {name!r}.")
            session.delete(row)
            session.commit()
        self.audit.record(by, "remove key", name)

    def key_access(self, secret: str) -> Access | None:
        """Who a key stands for, None if there is no such key. Raises TooManyRequestsError."""
        with Session(self._database) as session:
            row = session.get(KeyRow, _hash(secret))
            user = session.get(UserRow, row.user) if row else None
            if row is None or user is None:
                return None
            access = _access(user, frozenset(Scope(scope) for scope in row.scopes))
            per_minute = row.per_minute
        requests = self._requests[_hash(secret)]
        minute_ago = time.monotonic() - 60
        while requests and requests[0] < minute_ago:
            requests.popleft()
        if len(requests) >= per_minute:
            raise TooManyRequestsError(f"This key may make {per_minute} requests a minute; wait a little.")
        requests.append(time.monotonic())
        return access

    def _start_session(self, name: str) -> str:
        secret = secrets.token_urlsafe(32)
        with Session(self._database) as session:
            session.execute(delete(SessionRow).where(SessionRow.expires < now()))
            session.add(SessionRow(hash=_hash(secret), user=name, expires=now() + SESSION))
            session.commit()
        return secret

    @cached_property
    def _nobody(self) -> str:
        """The hash of a password that nobody knows: a login without a user takes as long as one with."""
        return self._hasher.hash(secrets.token_hex())

    def _fits(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, unicodedata.normalize("NFC", password[:LONGEST_PASSWORD]))
        except VerificationError:
            return False

    def _user_row(self, session: Session, name: str) -> UserRow:
        row = session.get(UserRow, name)
        if row is None:
            raise NotFoundError(f"No user is called {name!r}.")
        return row


def _is_fit(name: str) -> bool:
    """Whether a user may have this name."""
    return _is_printable(name) and name != OWNER.name


def _is_printable(name: str) -> bool:
    return name.isprintable() and 0 < len(name) <= MAX_NAME


@contextmanager
def _keeping_an_administrator(session: Session, name: str) -> Iterator[None]:
    """Commit a change of a user, unless he is the last administrator until then. Raises IsthmusError."""
    user = session.get(UserRow, name)
    was_administrator = user is not None and user.role == Role.ADMINISTRATOR
    yield
    session.flush()  # from here on other changes wait
    administrators = select(UserRow.name).where(UserRow.role == Role.ADMINISTRATOR).with_for_update()
    if was_administrator and session.scalars(administrators).first() is None:
        raise IsthmusError(f"{name!r} is the last administrator; make another user one first.")
    session.commit()


def _normal(name: str) -> str:
    """A name of a user or a group as it is kept: NFC, without spaces around it."""
    return unicodedata.normalize("NFC", name.strip())


def _user(row: UserRow, last_login: datetime | None) -> User:
    locked_until = row.locked_until if row.locked_until and row.locked_until > now() else None
    return User(row.name, Role(row.role), tuple(row.groups), last_login, locked_until)


def _access(row: UserRow, scopes: frozenset[Scope] = frozenset(Scope)) -> Access:
    return Access(row.name, Role(row.role), frozenset(row.groups), scopes)


def _hash(secret: str) -> str:
    """The secrets are random, so a quick hash keeps them."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
