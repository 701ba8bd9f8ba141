"""What people read (supabase/schemas) and what databases apply (supabase/migrations) are one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from gateway import schema

SUPABASE = Path(__file__).parents[2] / "supabase"


def test_the_migration_is_what_the_schemas_build() -> None:
    committed = (SUPABASE / "migrations" / schema.MIGRATION).read_text()
    assert committed == schema.compose(SUPABASE / "schemas"), "run `sms-gateway schema build`"


def test_another_chapter_is_another_migration(tmp_path: Path) -> None:
    (tmp_path / "01_schema.sql").write_text("create schema sms;\n")
    before = schema.compose(tmp_path)
    (tmp_path / "02_more.sql").write_text("select 1;\n")
    assert before != schema.compose(tmp_path)


def test_what_is_printed_is_the_migration() -> None:
    command = [sys.executable, "-m", "gateway", "schema", "print"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == (SUPABASE / "migrations" / schema.MIGRATION).read_text()


def test_policies_and_grants_stand_on_one_page() -> None:
    """ "Who may see or call what" is answered by 90_access.sql alone."""
    for path in (SUPABASE / "schemas").glob("*.sql"):
        found = re.findall(r"^(?:create policy|grant|revoke)\b", path.read_text(), re.MULTILINE)
        assert bool(found) == (path.name == "90_access.sql"), path.name
