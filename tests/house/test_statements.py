"""Statements of `store` that a service runs take the organisation of who asks, or say here why they need not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobsapp.services.bounds import bounded_mappers

HOUSE = Path(__file__).parent.parent.parent / "jobsapp"
WEB = ("api", "pages", "live", "auth")
BOUND = re.compile(r"\borganization_id = (ANY\(ARRAY\[)?%\(organization_id\)s")

CHECKED = "takes ids of jobs that the service has read for this actor"
CREATED = "takes ids of jobs that the service has just written, with the actor's organisation"
LOCKED = "takes ids of jobs that were found and locked before, of one organisation or by `flask cleanup`"
ARCHIVED = "takes ids of jobs that a walk of one organisation has found and locked"
BY_COMMAND = "is run by `flask cleanup` for all organisations, never for an actor"
FOLLOWED = "is run by the advancer for everybody: a job and what it depends on are of one organisation"
ELSEWHERE: dict[str, str] = {
    "cancel_job": CHECKED,
    "retry_jobs": CHECKED,
    "unqueue": CHECKED,
    "lock_waiting": CHECKED + "; only ids come back, and cancel_jobs asks again whose they are",
    "waiting_places": CHECKED + ", and counts those of the same organisation alone",
    "relatives": CHECKED + ", and tells of those that they depend on, which are of the same organisation",
    "enqueue": CREATED,
    "ask_check": CREATED,
    "ended_edges": FOLLOWED,
    "touch_parents": FOLLOWED,
    "schedules_of_jobs": FOLLOWED,
    "ended_parents": FOLLOWED,
    "settle_edges": FOLLOWED,
    "continue_outbox": FOLLOWED,
    "absorb_batches": FOLLOWED,
    "save_batch_callbacks": "takes the id of a batch that the same transaction has locked",
    "save_batch_change": "takes the id of a batch that the same transaction has locked",
    "take_batch_change": "takes the id of a batch that the service has read for this actor, or is run by the advancer",
    "batch_part": "takes the id of a locked batch; what is done to its jobs asks again whose they are",
    "forget_batches": "is run by the advancer for everybody: batches whose jobs are gone",
    "lock_files_of_jobs": LOCKED,
    "lock_edges_of_jobs": LOCKED,
    "delete_finished": LOCKED,
    "add_archive": "writes down whose the archive is",
    "jobs_to_archive": ARCHIVED,
    "attempts_to_archive": ARCHIVED,
    "artifacts_to_archive": ARCHIVED,
    "log_to_archive": ARCHIVED,
    "find_stretch": "its `scopes` begin with the organisation, as the entries of the index do; no job comes back",
    "read_passages": "takes keys of passages that search_words or search_vectors has found",
    "queue_sizes": "tells how many jobs wait in a queue of the installation, of everybody, and since when; no job",
    "queue_front": "tells the hub which jobs to read anew after a pause; what it finds is sent to nobody",
    "pauses": "takes names of queues; who paused one and why is shown at home only (`services/waiting.py`)",
    "limit_states": "tells how much of a limit is used, of everybody; whose limits are shown the service decides",
    "count_unread_uploads": BY_COMMAND,
    "lock_unread_uploads": BY_COMMAND,
    "delete_unread_uploads": BY_COMMAND,
}
"""Statements that a service runs, that touch rows of organisations, and that are bounded otherwise."""
OPTIONAL = {
    "count_finished": "without an organisation only for `flask cleanup`",
}
"""Statements that take an organisation, or none for all."""


def sql(name: str) -> str:
    text = (HOUSE / "store" / f"{name}.sql").read_text()
    return re.sub(r"--.*", "", text)


NAMES = {path.stem for path in (HOUSE / "store").glob("*.sql")}
OWNED = re.compile(rf"\b({'|'.join(sorted(mapper.local_table.name for mapper in bounded_mappers()))})\b")


def modules(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((HOUSE / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def statements_of_functions() -> dict[tuple[str, str], set[str]]:
    """The statements that each function of the store runs, itself or by others of its module."""
    found: dict[tuple[str, str], set[str]] = {}
    for path, tree in modules("store"):
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        texts = {
            one.name: {node.value for node in ast.walk(one) if isinstance(node, ast.Constant)} for one in functions
        }
        calls = {one.name: {node.id for node in ast.walk(one) if isinstance(node, ast.Name)} for one in functions}
        for one in functions:
            reached, open_ones = set[str](), {one.name}
            while open_ones:
                name = open_ones.pop()
                reached.add(name)
                open_ones |= (calls[name] & calls.keys()) - reached
            found[path.stem, one.name] = {text for name in reached for text in texts[name] if text in NAMES}
    return found


def used(tree: ast.Module) -> set[tuple[str, str]]:
    """The functions of the store that a module names: (module of the store, function)."""
    found, aliases = set[tuple[str, str]](), dict[str, str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "jobsapp.store":
            aliases |= {one.asname or one.name: one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jobsapp.store."):
            found |= {((node.module or "").rpartition(".")[2], one.name) for one in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            found.add((aliases[node.value.id], node.attr))
    return found


def run_by_services() -> set[str]:
    functions = statements_of_functions()
    return {name for _, tree in modules("services") for key in used(tree) for name in functions.get(key, ())}


@pytest.mark.parametrize("name", sorted(run_by_services()))
def test_a_statement_that_a_service_runs_is_bounded(name: str) -> None:
    if not OWNED.search(sql(name)):
        assert name not in ELSEWHERE, f"{name}.sql touches no row of an organisation: take it out of ELSEWHERE"
        return
    bounded = BOUND.search(sql(name)) is not None
    assert bounded or name in ELSEWHERE, (
        f"{name}.sql touches rows of organisations and has no `organization_id = %(organization_id)s`: let it take the"
        " actor's organisation, or say in ELSEWHERE of this test why it need not"
    )
    assert not (bounded and name in ELSEWHERE), f"{name}.sql is bounded: take it out of ELSEWHERE"
    assert ("%(organization_id)s::uuid IS NULL" in sql(name)) == (name in OPTIONAL), f"say in OPTIONAL who runs {name}"


def test_the_test_sees_the_statements() -> None:
    assert {"cancel_job", "cancel_jobs", "job_counts", "search_words", "worker_jobs"} <= run_by_services()
    assert not {"take_turn", "pulse_job", "lost_jobs"} & run_by_services(), "statements of the engine"
    assert ELSEWHERE.keys() | OPTIONAL.keys() <= run_by_services(), "an exception for what no service runs"


def test_the_web_runs_no_statement_by_itself() -> None:
    """Only services do, and they have the session that is bounded."""
    for path, tree in modules(*WEB):
        assert not used(tree), path
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in ("execute", "scalars", "scalar"):
                pytest.fail(f"{path.name}:{node.lineno} asks the database; let a service do it")


def test_services_name_mapped_tables_and_not_plain_ones() -> None:
    """What is asked of a plain table, or in words of SQL, no session bounds."""
    known = {
        "bounds.py": "the condition of the bound itself",
        "many.py": "the types of columns; no row is read",
        "walks.py": "`SET LOCAL`: how rows are read, none of them",
    }
    for path, tree in modules("services"):
        for node in ast.walk(tree):
            plain = isinstance(node, ast.Attribute) and node.attr in ("__table__", "exec_driver_sql", "raw_connection")
            words = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "text"
            assert not (plain or words) or path.name in known, f"{path.name}:{node.lineno}"


def test_only_one_place_drops_a_session() -> None:
    """A session that is removed forgets for whom it asks: `release` says it to the next one."""
    for path, tree in modules("services", "api", "pages", "live", "auth"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "remove" and "session" in ast.unparse(node.value):
                # There the request is over for the database: the socket has what it needs.
                assert path.name in ("sessions.py", "sockets.py"), f"{path.name}:{node.lineno}"
