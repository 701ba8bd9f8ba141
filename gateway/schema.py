"""The database's SQL: supabase/schemas is what people read and edit, one migration is applied.

Until the first release the migration is generated from the schemas, so that a new project is one
paste. After it, migrations are added and never generated.
"""

from __future__ import annotations

from pathlib import Path

VERSION = "20261125000000"
MIGRATION = f"{VERSION}_sms_gateway.sql"
HEADER = """\
-- The whole SMS gateway: paste it into the SQL Editor, or `sms-gateway schema print | psql`.
--
-- Generated from supabase/schemas by `sms-gateway schema build`: edit there.
"""


def supabase_folder() -> Path:
    """The checkout's supabase/, or the copy that a wheel carries."""
    package = Path(__file__).parent
    packaged = package / "supabase_project"
    return packaged if packaged.is_dir() else package.parent / "supabase"


def compose(schemas: Path) -> str:
    """The migration: every chapter in the order of its name."""
    chapters = [
        f"\n-- {path.name} {'=' * (96 - len(path.name))}\n\n{path.read_text()}"
        for path in sorted(schemas.glob("*.sql"))
    ]
    return HEADER + "".join(chapters)


def build() -> Path:
    """Write the migration of this checkout; returns its path."""
    folder = supabase_folder()
    path = folder / "migrations" / MIGRATION
    path.write_text(compose(folder / "schemas"))
    return path


def printed() -> str:
    """All migrations in order, as one script."""
    return "\n".join(
        path.read_text() for path in sorted((supabase_folder() / "migrations").glob("*.sql"))
    )
