"""What Alembic runs: the migrations, over the connection that `ui.state.database` opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
