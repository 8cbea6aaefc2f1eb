"""What a migration must not do to a table that may be large and busy.

Judged are the statements that it ran, not its text: so nothing hides behind a loop, a helper or a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# A few rows for each organisation, user, queue or worker: whatever is done to them takes milliseconds.
SMALL = frozenset(
    {
        *("alembic_version", "organizations", "users", "memberships", "user_passwords", "user_identities"),
        *("api_tokens", "login_links", "login_sessions", "job_presets", "queues", "limits", "limit_starts"),
        *("worker_leases", "type_durations", "retention_rules", "retention_walks", "retention_runs"),
    }
)
# Functions that give one value for the whole statement: such a default is not written into each row.
STABLE = ("now", "current_timestamp", "transaction_timestamp", "statement_timestamp")

CREATE_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", re.IGNORECASE)
CREATE_INDEX = re.compile(
    r"CREATE (?:UNIQUE )?INDEX (?P<how>CONCURRENTLY )?(?:IF NOT EXISTS )?(?:\w+ )?ON (?:ONLY )?(?P<table>\w+)",
    re.IGNORECASE,
)
ALTER_TABLE = re.compile(r"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(?P<table>\w+) (?P<what>.*)", re.IGNORECASE | re.DOTALL)
WRITES = re.compile(r"(?:UPDATE|DELETE FROM) (?:ONLY )?(?P<table>\w+)", re.IGNORECASE)
REWRITES = re.compile(r"(?:CLUSTER|VACUUM FULL|LOCK(?: TABLE)?|REINDEX (?!.*CONCURRENTLY)\w+) (?P<table>\w+)", re.I)
CHECKED = re.compile(r"ADD CONSTRAINT \w+ CHECK \(*(?P<column>\w+) IS NOT NULL\)* NOT VALID", re.IGNORECASE)


class Judge:
    """Knows what the migrations before have proved."""

    def __init__(self) -> None:
        self._proved: set[tuple[str, str]] = set()
        self._validated: set[str] = set()

    def faults(self, statements: Iterable[str]) -> list[str]:
        """What is wrong with the statements of one migration, a sentence each."""
        new: set[str] = set()
        found: list[str] = []
        for one in (part for statement in statements for part in _parts(statement)):
            if made := CREATE_TABLE.match(one):
                new.add(made[1])
            found += [f"{fault}: {one[:150]}" for fault in self._faults(one, SMALL | new)]
        return found

    def _faults(self, one: str, free: frozenset[str] | set[str]) -> list[str]:
        if (index := CREATE_INDEX.match(one)) and index["table"] not in free and not index["how"]:
            return ["an index without CONCURRENTLY holds up all writers"]
        if (write := WRITES.match(one)) and write["table"] not in free:
            return ["changing many rows in one statement keeps them locked: do it in batches, after the migration"]
        if (rewrite := REWRITES.match(one)) and rewrite["table"] not in free:
            return ["this keeps the table to itself for as long as it takes"]
        alter = ALTER_TABLE.match(one)
        if alter is None:
            return []
        actions = [self._alter_fault(alter["table"], action) for action in _actions(alter["what"])]
        return [fault for fault in actions if fault and alter["table"] not in free]

    def _alter_fault(self, table: str, action: str) -> str:
        said = action.upper()
        if proof := CHECKED.match(action):
            self._proved.add((table, proof["column"]))
        if said.startswith("VALIDATE CONSTRAINT"):
            self._validated.add(table)
        if said.startswith("ADD CONSTRAINT"):
            return _constraint_fault(said)
        if said.startswith(("ADD COLUMN", "ADD ")):
            return _column_fault(said)
        if changed := re.match(r"ALTER (?:COLUMN )?(\w+) (?:SET DATA )?TYPE ", action, re.IGNORECASE):
            return f"another type of {changed[1]} writes the whole table anew"
        required = re.match(r"ALTER (?:COLUMN )?(\w+) SET NOT NULL", action, re.IGNORECASE)
        if required and not ((table, required[1]) in self._proved and table in self._validated):
            return "NOT NULL reads the whole table: add a CHECK NOT VALID and VALIDATE it before"
        if re.match(r"SET (LOGGED|UNLOGGED|TABLESPACE|ACCESS METHOD)", said):
            return "this writes the whole table anew"
        return ""


def _parts(statement: str) -> list[str]:
    """The single statements in it. The body of a function is a part of its own statement."""
    plain = re.sub(r"\s+", " ", statement.replace('"', "")).strip()
    return [plain] if "$$" in plain else [part.strip() for part in plain.split(";") if part.strip()]


def _column_fault(said: str) -> str:
    if "GENERATED" in said or "SERIAL" in said:
        return "a column that is computed for each row writes the whole table anew"
    if re.search(r"\b(UNIQUE|PRIMARY KEY|REFERENCES|CHECK)\b", said):
        return "a constraint on a new column is checked for each row: add it NOT VALID, or an index CONCURRENTLY"
    default = re.search(r" DEFAULT (.+?)(?: NOT NULL| NULL|$)", said)
    if " NOT NULL" in said and default is None:
        return "a column that must not be empty needs a default for the rows that are there"
    called = re.findall(r"(\w+)\s*\(", default[1]) if default else []
    if any(name.lower() not in STABLE for name in called):
        return "a default that differs from row to row writes the whole table anew"
    return ""


def _constraint_fault(said: str) -> str:
    if re.search(r"\b(UNIQUE|PRIMARY KEY|EXCLUDE)\b", said) and "USING INDEX" not in said:
        return "this makes an index and holds up all writers: make one CONCURRENTLY, then ADD CONSTRAINT … USING INDEX"
    if re.search(r"\b(CHECK|FOREIGN KEY)\b", said) and not said.endswith("NOT VALID"):
        return "a constraint is checked for each row: add it NOT VALID, then VALIDATE it"
    return ""


def _actions(what: str) -> list[str]:
    """`ADD COLUMN a int, ADD COLUMN b numeric(1, 2)` → two of them."""
    depth, parts = 0, [""]
    for sign in what:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]
