"""What the server keeps beside the libraries, in a database: so far, which collections there are."""

from datetime import UTC, datetime
from importlib.resources import as_file, files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import JSON, Engine, create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from retriever.errors import IsthmusError

FILE_NAME = "server.sqlite"


class Base(DeclarativeBase):
    """The tables. A change needs a new file in `migrations/versions`."""


class CollectionRow(Base):
    """A collection beside the library: `id` names its folder, `settings` are those that differ from the server's."""

    __tablename__ = "collections"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    settings: Mapped[dict[str, object]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))


def open_database(folder: Path) -> Engine:
    """The database in a library's folder, made or brought up to date. Raises IsthmusError if it cannot be opened."""
    path = folder / FILE_NAME
    engine = create_engine(f"sqlite:///{path}")
    try:
        with as_file(files("ui.state").joinpath("migrations")) as migrations, engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(migrations))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DatabaseError as error:
        engine.dispose()
        raise IsthmusError(
            f"{path}, which names the collections, cannot be opened ({error.orig}); put it back from a backup."
        ) from error
    return engine
