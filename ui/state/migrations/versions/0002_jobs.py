"""Jobs that outlast the server, outcomes in the audit trail, and whose database it is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables and the column; what is in the audit trail by now was recorded once it was done."""
    op.add_column("audit", sa.Column("outcome", sa.String(), nullable=False, server_default="done"))
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("replace", sa.Boolean(), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error", sa.String()),
        sa.Column("created", sa.DateTime(), nullable=False),
        sa.Column("ended", sa.DateTime()),
    )
    op.create_table(
        "job_files",
        sa.Column("job", sa.String(), primary_key=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("result", sa.JSON()),
    )
    op.create_table("identity", sa.Column("id", sa.String(), primary_key=True))
