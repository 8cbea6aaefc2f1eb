"""What a person chooses for an operation over many items: the model behind the form, the API and the command line."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr, model_validator
from pydantic.config import JsonDict

from jobsapp.processors.sdk import FileId, Input

from .choices import (
    ACTIONS,
    ADVANCED,
    EXISTING,
    MODES,
    ONE_LINE,
    OPERATIONS,
    Action,
    Condition,
    Format,
    Method,
    Mode,
    Operation,
    shown,
)
from .parts import check_json, check_names, check_secret_headers

FROM_FILE = ("import", "http")
EXAMPLE: JsonDict = {
    "operation": "update",
    "table": "public.products",
    "filter": [{"column": "stock", "test": "<", "value": 1}],
    "changes": {"status": "sold out"},
    "dryRun": True,
}


class BulkInput(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    operation: Operation = Field(title="What to do", examples=["import"], json_schema_extra={"labels": OPERATIONS})
    """Tables and folders are those that the administrator has opened (JOBSAPP_BULK_TABLES, JOBSAPP_BULK_FOLDERS)."""

    dry_run: bool = Field(default=True, title="Only try it")
    """Count what would happen and show a sample; nothing is changed and nobody is called. A table's rows are really
    written, with all its rules, and the writing is taken back."""

    source: FileId | None = Field(
        default=None,
        title="File",
        json_schema_extra=shown("import", "http", "files") | {"needed": True, "accept": ".csv,.tsv,.jsonl,.ndjson"},
    )
    """Rows as CSV (its first row holds the names) or JSON Lines; or `failed.jsonl` of an earlier operation, to do only
    what failed in it again. For files: a list with the columns name, sha256 and size, of which the last two may be
    missing; `files.jsonl` of an earlier check is one."""

    table: str = Field(
        default="",
        title="Table",
        examples=["public.products"],
        json_schema_extra=shown("import", "update", "delete", "export"),
    )
    """For everything but calls and files."""

    mode: Mode = Field(default="insert", title="How to load", json_schema_extra=shown("import") | {"labels": MODES})
    """What is there already is told by the key."""

    key: list[str] = Field(default_factory=list, title="Key", examples=[["sku"]], json_schema_extra=shown("import"))
    """The columns that tell which row of the table is meant; they need a unique index. Empty: the primary key."""

    mapping: dict[str, str] = Field(
        default_factory=dict,
        title="Columns",
        examples=[{"name": "Product name"}],
        json_schema_extra=shown("import", "files"),
    )
    """Column of the table (for files: of the list) = name in the file. Empty: those with the same names."""

    filter: list[Condition] = Field(
        default_factory=list,
        title="Filter",
        examples=['[{"column": "stock", "test": "<", "value": 1}]'],
        json_schema_extra=shown("update", "delete", "export"),
    )
    """For change, delete and download: conditions that must all hold. Tests: = != < <= > >= in, not in, like, is empty,
    is not empty."""

    changes: dict[str, str] = Field(
        default_factory=dict, title="New values", examples=[{"status": "archived"}], json_schema_extra=shown("update")
    )
    """For a change by filter: column = value."""

    url: str = Field(
        default="",
        max_length=8000,
        title="Address",
        examples=["https://api.example.org/items/{{sku}}"],
        json_schema_extra=shown("http") | ONE_LINE,
    )
    """For calls. `{{name}}` stands for the row's value, encoded for an address."""

    method: Method = Field(default="POST", json_schema_extra=shown("http"))

    body: str = Field(
        default="",
        max_length=100_000,
        title="Body",
        examples=['{"name": "{{name}}", "price": "{{price}}"}'],
        json_schema_extra=shown("http"),
    )
    """JSON with `{{name}}` for the row's values; a text that is nothing else takes the value with its type. Empty: the
    whole row as JSON (not for GET, HEAD and DELETE)."""

    headers: dict[str, str] = Field(
        default_factory=dict, title="Headers", examples=[{"X-Shop": "north"}], json_schema_extra=shown("http")
    )
    """They are kept with the job, where others see them: no passwords."""

    secret_headers: dict[str, SecretStr] = Field(
        default_factory=dict,
        title="Secret headers",
        examples=[{"Authorization": "Bearer …"}],
        json_schema_extra=shown("http"),
    )
    """Sent as well, as they stand; kept encrypted and never shown again."""

    action: Action = Field(
        default="check", title="With the files", json_schema_extra=shown("files") | {"labels": ACTIONS}
    )
    """A copy is checked by its SHA-256 before it gets its name, and only then a moved file goes from where it was."""

    folder: str = Field(
        default="", max_length=200, title="Folder", examples=["inbox"], json_schema_extra=shown("files")
    )
    """For files: the name of an opened folder."""

    target: str = Field(
        default="", max_length=200, title="Into folder", examples=["archive"], json_schema_extra=shown("files")
    )
    """For copy and move: another opened folder. Files keep their names, with the folders in them."""

    pattern: str = Field(
        default="",
        max_length=1000,
        title="Which files",
        examples=["2026/**/*.csv"],
        json_schema_extra=shown("files") | ONE_LINE,
    )
    """`*` and `?` stand for letters of a name, `[ab]` for one of them, `**` for any folders. Empty: all, for copy, move
    and delete those of the list. With both, those of the list that fit."""

    existing: Literal["fail", "skip", "replace"] = Field(
        default="fail", title="If the file is there already", json_schema_extra=shown("files") | {"labels": EXISTING}
    )
    """A file that comes there in the last moment is not overwritten either, unless it shall be replaced."""

    stop_after: int | None = Field(default=100, ge=1, title="Stop after failures")
    """Stop when so many items have failed. Empty: never."""

    stop_share: float | None = Field(default=None, gt=0, le=1, title="Stop at a share", json_schema_extra=ADVANCED)
    """Stop when this share of the items (0.1: one in ten) has failed, once 100 were looked at."""

    atomic: bool = Field(default=False, title="All or nothing", json_schema_extra=shown("import", "update", "delete"))
    """One transaction: if a single row fails, nothing is changed, and the report names every failed row."""

    constants: dict[str, str] = Field(
        default_factory=dict,
        title="Fixed values",
        examples=[{"origin": "spring list"}],
        json_schema_extra=shown("import") | ADVANCED,
    )
    """Column of the table = the same value in every row that is loaded."""

    required: list[str] = Field(
        default_factory=list,
        title="Must not be empty",
        examples=[["price"]],
        json_schema_extra=shown("import", "http") | ADVANCED,
    )
    """Columns (for calls: names in the file) that need a value, beyond what the table demands."""

    null_text: str | None = Field(
        default="",
        max_length=100,
        title="Text for no value",
        examples=["NA"],
        json_schema_extra=shown("import", "http") | ADVANCED,
    )
    """A CSV value that means none. Values are also freed of white space at both ends."""

    expected_max: int = Field(
        default=1_000, ge=1, title="Expected at most", json_schema_extra=shown("update", "delete", "files") | ADVANCED
    )
    """A change or delete by filter that matches more rows than this does nothing; nor does a delete by pattern that
    fits more files."""

    export_format: Literal["csv", "jsonl"] = Field(
        default="csv", title="Download as", json_schema_extra=shown("export") | ADVANCED
    )

    source_format: Format | None = Field(
        default=None,
        title="Format of the file",
        json_schema_extra=shown("import", "http", "files") | ADVANCED | {"empty": "Told from the content"},
    )

    delimiter: str | None = Field(
        default=None,
        max_length=3,
        title="Delimiter",
        examples=[";"],
        json_schema_extra=shown("import", "http", "files") | ADVANCED,
    )
    """What stands between two values of a CSV file: one character, or `tab`. Empty: told from the first line."""

    encoding: Literal["utf-8", "latin-1", "windows-1252"] = Field(
        default="utf-8", json_schema_extra=shown("import", "http", "files") | ADVANCED
    )

    concurrency: int = Field(default=10, ge=1, le=50, title="Calls at once", json_schema_extra=shown("http") | ADVANCED)

    rate_per_second: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        default=None, title="Calls per second", examples=[20], json_schema_extra=shown("http") | ADVANCED
    )
    """At most so many calls begin in a second. Empty: as many as come."""

    timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, title="Seconds for a call", json_schema_extra=shown("http") | ADVANCED
    )

    retries: int = Field(
        default=3, ge=0, le=10, title="Tries after a failed call", json_schema_extra=shown("http") | ADVANCED
    )
    """For lost connections, timeouts and the statuses 408, 425, 429, 500, 502, 503 and 504, where repeating is safe: by
    the method, by the key below, or because the call was refused. `Retry-After` is honoured up to five minutes."""

    idempotency_header: str = Field(
        default="Idempotency-Key",
        max_length=100,
        title="Header for the key",
        json_schema_extra=shown("http") | ADVANCED,
    )
    """POST and PATCH carry a key of their own per row in it, so that a server that knows such keys does nothing twice.
    Empty: none; then such a call is never repeated when its outcome is unknown."""

    ok_statuses: list[int] = Field(
        default_factory=list, title="Good statuses", json_schema_extra=shown("http") | ADVANCED
    )
    """Empty: 200 to 299."""

    redirects: int = Field(
        default=0, ge=0, le=5, title="Redirects to follow", json_schema_extra=shown("http") | ADVANCED
    )
    """Only on the same host. 0: a redirect is a failure."""

    keep_responses: bool = Field(default=True, title="Keep the answers", json_schema_extra=shown("http") | ADVANCED)
    """In `responses.jsonl`: status, time and the first 10,000 characters of each body."""

    @property
    def source_id(self) -> UUID:
        """The file, where the operation has one."""
        if self.source is None:
            raise ValueError(f"{self.operation} has no file")
        return self.source

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.operation in FROM_FILE and self.source is None:
            raise ValueError("source: give the file whose rows are to be used")
        if self.operation == "http" and not self.url:
            raise ValueError("url: give the address to call")
        if self.operation == "files":
            self._check_files()
        elif self.operation != "http" and not self.table:
            raise ValueError("table: name the table")
        if self.operation == "update" and not self.changes:
            raise ValueError("changes: give at least one column and its new value")
        if self.operation in ("update", "delete") and not self.filter:
            raise ValueError("filter: give at least one condition; without one it would be the whole table")
        check_names("headers", [*self.headers, *filter(None, [self.idempotency_header])])
        check_secret_headers(self.secret_headers, self.headers)
        if self.body:
            check_json(self.body)
        if both := self.mapping.keys() & self.constants.keys():
            raise ValueError(f"constants: {', '.join(sorted(both))} is also among the columns from the file")
        return self

    def _check_files(self) -> None:
        if not self.folder:
            raise ValueError("folder: name the opened folder")
        if self.action in ("copy", "move") and (not self.target or self.target == self.folder):
            raise ValueError("target: name another opened folder")
        if self.action != "check" and not self.pattern and self.source is None:
            raise ValueError("pattern: say which files, by a pattern (** is all) or by a list of names")
