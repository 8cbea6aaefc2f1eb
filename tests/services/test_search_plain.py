"""A database without pgvector: by words, told in a sentence; and what makes vectors count when it arrives later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from flask_openapi3 import OpenAPI

from jobsapp import create_app
from jobsapp.config import Settings
from jobsapp.extensions import db
from jobsapp.runtime.horse import Horse
from jobsapp.runtime.house import build_house
from jobsapp.services import Services
from jobsapp.store import schema
from tests.services.documents import read

DOCUMENT = Path(__file__).parents[2] / "docs" / "processors" / "document-processing.md"
TEXT = "# Payments\n\nRefunds are paid within 14 days.\n\n# Ships\n\nThe ship sails along the coast.\n"
QUESTION = "How do I get my money back?"


@pytest.fixture
def plain(settings: Settings) -> Settings:
    """A database whose user may make tables and no extension."""
    name = f"plain_{uuid4().hex[:8]}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'plain'")  # type: ignore[arg-type]
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    with psycopg.connect(address(settings, name), autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON SCHEMA public TO {name}")  # type: ignore[arg-type]
    theirs = re.sub("//[^@]*@", f"//{name}:plain@", address(settings, name))
    made = settings.model_copy(update={"database_url": theirs})
    schema.upgrade(made.sqlalchemy_url)
    return made


def address(settings: Settings, name: str) -> str:
    assert "@/postgres" in settings.database_url
    return settings.database_url.replace("@/postgres", f"@/{name}")


@contextmanager
def services_of(settings: Settings) -> Iterator[Services]:
    app: OpenAPI = create_app(settings)
    with app.app_context():
        found: Services = app.extensions["jobsapp"]
        found.identity.bootstrap()
        yield found
        db.session.remove()
        db.engine.dispose()


def test_words_are_found_and_a_sentence_says_that_meaning_is_not(plain: Settings, settings: Settings) -> None:
    with services_of(plain) as services, Horse(build_house(plain), "test-worker") as horse:
        admin = services.identity.get_actor(services.identity.get_user("admin@localhost").id)
        assert services.search.find(admin, "refund").notes == [], "nothing has a vector yet"
        read(services, horse.drain, admin, "rules.md", TEXT, embed="auto", chunkTokens=32, overlapTokens=0)
        found = services.search.find(admin, "refund")
        assert [result.found_by for result in found.results] == [["words"]]
        assert found.notes == ["Found by words only: the database lacks the extension pgvector."]
        assert services.search.find(admin, QUESTION).results == []

        db.session.rollback()
        # The extension arrives: what the document says, said by the database's administrator.
        steps = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[0]
        name = plain.database_url.split("@/")[1].split("?")[0]
        with psycopg.connect(address(settings, name), autocommit=True) as connection:
            connection.execute("SET lock_timeout = '10s'")
            connection.execute(steps)
        found = services.search.find(admin, QUESTION)
        assert ("Refunds" in found.results[0].text, found.results[0].found_by, found.notes) == (True, ["meaning"], [])
        read(services, horse.drain, admin, "more.md", "Money is given back at the desk.", embed="auto")
        assert {result.document for result in services.search.find(admin, QUESTION).results} == {"rules.md", "more.md"}
        assert schema.is_current(db.session.connection())


def test_migrations_fit_the_models_without_the_extension_too(plain: Settings) -> None:
    from alembic import command
    from sqlalchemy import create_engine

    engine = create_engine(plain.sqlalchemy_url)
    with engine.connect() as connection:
        config = schema.alembic_config()
        config.attributes["connection"] = connection
        command.check(config)
        command.downgrade(config, "base")
        command.upgrade(config, "head")
    engine.dispose()
