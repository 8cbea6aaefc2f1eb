"""What documents say, for the search: chunks with full text, and their vectors.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import SQLAlchemyError

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WORDS = (
    "setweight(to_tsvector('english'::regconfig, heading), 'B'::\"char\") || "
    "setweight(to_tsvector('english'::regconfig, translate(document, '._-/'::text, '    '::text)), 'C'::\"char\") || "
    "to_tsvector('english'::regconfig, text)"
)
IS_OFFERED = "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"
IS_USABLE = "SELECT to_regtype('vector') IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "document_chunks",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("page_from", sa.Integer(), nullable=True),
        sa.Column("page_to", sa.Integer(), nullable=True),
        sa.Column("heading", sa.String(), nullable=False),
        sa.Column("char_from", sa.Integer(), nullable=False),
        sa.Column("char_to", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("words", sa.dialects.postgresql.TSVECTOR(), sa.Computed(WORDS, persisted=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("document_chunks_job_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "attempt", "number", name=op.f("document_chunks_pkey")),
    )
    op.create_index("document_chunks_of_organization", "document_chunks", ["organization_id"])
    op.create_index("document_chunks_by_words", "document_chunks", ["words"], postgresql_using="gin")
    _make_vectors("vector" if _has_vectors() else "real[]")


def downgrade() -> None:
    # The extension stays: other tables may use it.
    op.drop_table("chunk_vectors")
    op.drop_table("document_chunks")


def _has_vectors() -> bool:
    """Whether the type `vector` is there, or could be made. It may be forbidden, or lie where nobody finds it."""
    connection = op.get_bind()
    if not connection.scalar(sa.text(IS_OFFERED)):
        return False
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
    except SQLAlchemyError:
        return False
    return bool(connection.scalar(sa.text(IS_USABLE)))


def _make_vectors(embedding: str) -> None:
    """A narrow table, for a search reads all vectors of an organisation. A vector stays in its row, up to 8 kB."""
    op.execute(
        f"""CREATE TABLE chunk_vectors (
          job_id uuid NOT NULL CONSTRAINT chunk_vectors_job_id_fkey REFERENCES jobs (id) ON DELETE CASCADE,
          attempt integer NOT NULL,
          number integer NOT NULL,
          organization_id uuid NOT NULL,
          model varchar NOT NULL,
          embedding {embedding} NOT NULL,
          CONSTRAINT chunk_vectors_pkey PRIMARY KEY (job_id, attempt, number)
        ) WITH (toast_tuple_target = 8160)"""
    )
    op.execute("ALTER TABLE chunk_vectors ALTER COLUMN embedding SET STORAGE EXTERNAL")
    op.create_index("chunk_vectors_of_model", "chunk_vectors", ["organization_id", "model"])
