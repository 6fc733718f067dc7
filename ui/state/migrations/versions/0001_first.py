"""Collections, users, keys, sessions, and the audit trail."""

import sqlalchemy as sa
from alembic import op

from ui.state.access import EVERYONE
from ui.state.database import now
from ui.state.types import LIBRARY

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, and the row of the library itself, which everyone sees."""
    collections = op.create_table(
        "collections",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False, unique=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("readers", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    )
    library = {"id": LIBRARY, "name": LIBRARY, "settings": {}, "owner": "owner", "readers": [EVERYONE]}
    op.bulk_insert(collections, [{**library, "created": now()}])  # in UTC, whatever the database's own clock says
    op.create_table(
        "users",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.DateTime()),
        sa.Column("created", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("expires", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("hash", sa.String(), primary_key=True),
        sa.Column("start", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False, unique=True),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("time", sa.DateTime(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
    )
