"""Settings: one model, read from the environment and checked at start.

`docs/settings.md` lists them; a test compares the two. While `flask up` runs, it leaves its own address and those
of the servers it started in `servers.json` in the data folder, so that the other commands find them.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from jobsapp.errors import ConfigError
from jobsapp.oidc_settings import check_oidc
from jobsapp.setting_checks import check

UNPREFIXED = {"database_url": "DATABASE_URL", "redis_url": "REDIS_URL"}
SERVERS_FILE = "servers.json"
LEFT = (*UNPREFIXED, "public_url")
MIB = 1024 * 1024
RATE = "^(off|[1-9][0-9]{0,4}/(second|minute|hour|day))$"


def _from_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from None


class Settings(BaseModel):
    """All settings. The environment's name is `JOBSAPP_` and the field in capitals, but for the two addresses."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    data_dir: Path = Path("var")
    """Folder for the embedded servers' data, uploads and artifacts. Made if it is missing."""
    database_url: str = Field("", repr=False)
    """PostgreSQL 14 or newer, `postgresql://user:password@host:port/name`. Empty: the embedded server."""
    redis_url: str = Field("", repr=False)
    """Redis 6.2 or newer or Valkey, `redis://:password@host:port/0`. Empty: the embedded server."""
    host: str = "127.0.0.1"
    """Address the web server listens on."""
    port: int = Field(8000, ge=1, le=65535)
    """Port the web server listens on."""
    public_url: str = ""
    """Address that people type, if it differs from host and port (behind a proxy): `https://jobs.example.org`."""
    proxies: int = Field(0, ge=0, le=10)
    """How many proxies stand in front, each of which adds whom it speaks for to `X-Forwarded-For`. Tries to sign in are
    counted by address: with 0 behind a proxy all people would be one."""
    workers: int = Field(2, ge=1, le=64)
    """Worker processes that `flask up` starts."""
    web_threads: int = Field(64, ge=8, le=4096)
    """Threads of the web process, so requests answered at once. Open pages hold none."""
    web_sockets: int = Field(10_000, ge=1, le=100_000)
    """Live pages and programs that one web process lets in at once. It has to be allowed so many files, and a few."""
    secret_key: str = Field("", repr=False)
    """Signs sessions and seals the secrets of jobs. Empty: made once and kept in the data folder. Set the same for all
    web servers and workers when they are on several hosts; with another one, secrets from before cannot be read."""
    session_days: int = Field(30, ge=1, le=3650)
    """How many days a browser stays signed in after it was last used."""
    oidc_issuer: str = ""
    """An OpenID Connect provider by which people may sign in, by its issuer: `https://login.example.org`. Its client
    gets the redirect address `…/login/oidc/callback` under `JOBSAPP_PUBLIC_URL`. See `docs/login.md`."""
    oidc_client_id: str = ""
    """What the provider calls jobsapp."""
    oidc_client_secret: str = Field("", repr=False)
    """The secret that goes with it. Empty: the provider asks for none."""
    oidc_name: str = "single sign-on"
    """What people call the provider; the button says `Sign in with …`."""
    oidc_domains: str = ""
    """Whose e-mail addresses may come in that way: `example.org,example.com`. Empty or `*`: all that the provider lets
    in."""
    oidc_organization: str = ""
    """The organisation of those who come for the first time; they need `JOBSAPP_OIDC_DOMAINS`. Empty: only users that
    there are already may sign in."""
    oidc_role: str = Field("member", pattern="^(viewer|member|operator|admin)$")
    """Their role there: `viewer`, `member`, `operator` or `admin`."""
    audit_days: int = Field(0, ge=0, le=36500)
    """How many days the audit log keeps its entries; `flask cleanup` deletes older ones. 0: for ever."""
    max_upload_mb: int = Field(5120, ge=1)
    """Largest upload, in MiB."""
    rate_limit: str = Field("6000/minute", pattern=RATE)
    """How often one token, or one user's browsers, may call the API: `600/minute`, per second, minute, hour or day;
    `off`: as often as they like."""
    rate_limit_address: str = Field("600/minute", pattern=RATE)
    """How often the API may be called from one address without a valid token, so how fast tokens can be guessed."""
    cors_origins: str = ""
    """Origins whose pages may call the API with a token: `https://app.example.org`, with commas. Cookies never count
    there. Empty: such pages may read single jobs, with a token for each, and nothing else."""
    retention_days: int = Field(0, ge=0, le=36500)
    """For how many days finished jobs, and uploads that no job reads, are kept where an organisation has no rule of its
    own. 0: for ever."""
    queues: str = "*"
    """Queues that `flask worker` serves when `--queues` is not given: names with commas, `*` for all."""
    threads: int = Field(0, ge=0, le=256)
    """Threads a job's libraries may use. 0: cores - 1, at least 1."""
    job_memory_mb: int = Field(0, ge=0)
    """Memory a job may take, in MiB, on Linux; beyond it the job fails and nothing else. 0: no limit."""
    lease_seconds: float = Field(15.0, ge=2)
    """How long a job may stay without a sign of life from its worker before it is given to another. At least 2."""
    cancel_grace_seconds: float = Field(30.0, ge=0)
    """How long a job may take to stop after it was asked to, before its process is killed."""
    stop_grace_seconds: float = Field(20.0, ge=0)
    """How long a worker that is asked to stop lets its job go on, before it hands the job back to the queue."""
    processors: str = ""
    """Modules with processors of your own, names with commas. They are imported at start."""
    bulk_database_url: str = Field("", repr=False)
    """The database whose tables bulk operations may use, `postgresql://user:password@host:port/name`. Give its user
    only the rights that they need."""
    bulk_tables: str = ""
    """Tables opened for bulk operations, to everybody who may create jobs: `public.products,shop.orders`, names with
    commas."""
    bulk_folders: str = ""
    """Folders opened for bulk operations on files, to everybody who may create jobs, by the name that they use:
    `{"inbox": "/srv/inbox", "done": "/srv/done"}`."""
    bulk_allowed_addresses: str = ""
    """Private networks that bulk operations may call all the same: `10.1.2.0/24,127.0.0.1/32`. Empty: only public
    addresses."""
    language_models: str = Field("", repr=False)
    """Servers of language models, as JSON: `{"local": {"url": "http://localhost:11434/v1", "model": "llama3.2"}}`. More
    of each: `docs/processors/language-models.md`. Without any there is a small model in the process."""
    embedded_model: str = ""
    """A GGUF file to be that small model. Empty: the one that comes with the extra `llm`."""
    embedding_url: str = ""
    """A server that makes vectors of documents and questions as OpenAI's does, instead of the model that comes with
    jobsapp: `https://api.openai.com/v1`, `http://127.0.0.1:11434/v1` (Ollama). Their text is sent there."""
    embedding_model: str = ""
    """The name of that server's model: `text-embedding-3-small`."""
    embedding_key: str = Field("", repr=False)
    """That server's key, if it asks for one."""
    base_models: Annotated[dict[str, str], BeforeValidator(_from_json)] = Field({})
    """Base models for fine-tuning beside the embedded one, as JSON: `{"name": "folder, .gguf file or public name"}`."""
    smtp_url: str = Field("", repr=False)
    """The server that takes e-mail, `smtp://user:password@mail.example.org:587`; `smtps://`: TLS from the first byte.
    With `smtp://` it is asked for TLS (STARTTLS), and has to have it if there is a password; with `?tls=off` at the end
    it is not asked. Empty: no e-mail is sent."""
    mail_from: str = ""
    """From whom e-mail comes: `jobs@example.org` or `Jobs <jobs@example.org>`."""
    notification_allowed_addresses: str = ""
    """Private networks that webhooks and other notifications may be sent to all the same: `10.1.2.0/24`. Empty: only
    public addresses."""
    delivery_days: int = Field(30, ge=1, le=3650)
    """For how many days it is kept which messages were sent, with what they said."""
    url: str = ""
    """The server that `flask jobs` and `jobsapp.client` ask, `https://jobs.example.org`. Empty: `flask jobs` works on
    this installation's own database."""
    token: str = Field("", repr=False)
    """The API token they send to it."""
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """DEBUG, INFO, WARNING or ERROR."""

    @property
    def files_dir(self) -> Path:
        return self.data_dir / "files"

    @property
    def archive_dir(self) -> Path:
        return self.data_dir / "archive"

    @property
    def max_upload_bytes(self) -> int:
        return self.max_upload_mb * MIB

    @property
    def sqlalchemy_url(self) -> str:
        """The database's address with psycopg 3 named as the driver, whatever form the user gave."""
        scheme, _, rest = self.database_url.partition("://")
        return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else self.database_url

    @property
    def job_threads(self) -> int:
        return self.threads or max(1, (os.cpu_count() or 2) - 1)

    @property
    def processor_modules(self) -> list[str]:
        return [name.strip() for name in self.processors.split(",") if name.strip()]

    @property
    def cors_origin_list(self) -> list[str]:
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def notification_networks(self) -> list[str]:
        return [name.strip() for name in self.notification_allowed_addresses.split(",") if name.strip()]

    @property
    def bulk_folder_paths(self) -> dict[str, str]:
        """Path by name."""
        return json.loads(self.bulk_folders) if self.bulk_folders else {}

    @property
    def base_url(self) -> str:
        return self.public_url.rstrip("/") or f"http://{authority(self.host, self.port)}"


def authority(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def variable(field: str) -> str:
    """The environment variable of a field: `port` → `JOBSAPP_PORT`."""
    return UNPREFIXED.get(field, f"JOBSAPP_{field.upper()}")


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings. Raises ConfigError naming the variable, what is wrong and what is allowed."""
    environ = os.environ if environ is None else environ
    known = {variable(name): name for name in Settings.model_fields}
    unknown = sorted(name for name in environ if name.startswith("JOBSAPP_") and name not in known)
    if unknown:
        raise ConfigError(f"{unknown[0]} is not a setting. Known ones: {', '.join(sorted(known))}.")
    values: dict[str, Any] = {known[name]: environ[name] for name in known if environ.get(name)}
    values.update(overrides)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{_told(str(first['loc'][0]), first.get('input'))}: {first['msg']}.") from None
    check(settings)
    check_oidc(settings)
    settings = settings.model_copy(update={"data_dir": settings.data_dir.absolute()})
    return settings.model_copy(update=_running_servers(settings))


def _told(field: str, value: object) -> str:
    """A setting as an error names it: of a secret one only that it is there."""
    known = Settings.model_fields.get(field)
    return f"{variable(field)}={value!r}" if known is None or known.repr else variable(field)


def _running_servers(settings: Settings) -> dict[str, str]:
    """Addresses that a running `flask up` left in the data folder, for those not set."""
    try:
        found = json.loads((settings.data_dir / SERVERS_FILE).read_text())
        os.kill(int(found["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return {}
    return {name: found[name] for name in LEFT if not getattr(settings, name) and found.get(name)}


def require_servers(settings: Settings) -> Settings:
    """Raises ConfigError unless both addresses are known."""
    for field, name in UNPREFIXED.items():
        if not getattr(settings, field):
            raise ConfigError(f"No server: set {name}, or start the embedded ones with `flask up` in this folder.")
    return settings


def secret_key(settings: Settings) -> str:
    """The key that signs sessions: the setting, or one made on first use and kept in the data folder."""
    if settings.secret_key:
        return settings.secret_key
    path = settings.data_dir / "secret_key"
    try:
        return _kept_secret(path)
    except OSError as error:
        raise ConfigError(
            f"The data folder {path.parent} cannot be written ({error.strerror}): mend it, or set JOBSAPP_DATA_DIR."
        ) from None


def _kept_secret(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Several processes may start at once: the first whole file wins, and all read that one.
        descriptor, draft = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text()
