"""A browser of somebody: it keeps cookies, knows its CSRF token, and says what it is told to, however strange."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPMessage
from http.cookies import SimpleCookie
from io import BytesIO
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import encode_multipart

from jobsapp.auth.current import CSRF_HEADER, LOGIN
from jobsapp.extensions import db
from tests.fuzz.forms import CSRF, Page, Pairs
from tests.fuzz.town import Caller, Town

SECONDS = 60.0
ASCII = "".join(map(chr, range(0x21, 0x7F)))


@dataclass
class Visit:
    """One request. `fields` None: it has no body. `files`: the names of fields that hold a file."""

    method: str
    target: str
    fields: Pairs | None = None
    is_multipart: bool = False
    files: frozenset[str] = frozenset()
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def __str__(self) -> str:
        fields = "" if self.fields is None else f" with {[(name, value[:200]) for name, value in self.fields]}"
        return f"{self.method} {self.target}{fields} {self.headers or ''}".rstrip()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def kind(self) -> str:
        return (self.headers.get_content_type() if "Content-Type" in self.headers else "").lower()

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Browser:
    """`house`: the organisation that its session is for, by id; None: nobody is signed in."""

    def __init__(self, town: Town, caller: Caller, house: UUID | None) -> None:
        self.csrf = ""
        self._town, self._caller, self._house = town, caller, house
        self._cookies: dict[str, str] = {}
        self._connection = HTTPConnection(urlsplit(town.settings.base_url).netloc, timeout=SECONDS)

    def sign_in(self) -> None:
        """Anew, whatever became of the session and of the account."""
        self._cookies.clear()
        if self._house is not None:
            self._town.restore(self._caller)
            self._cookies[self._town.app.config["SESSION_COOKIE_NAME"]] = self._session(self._house)
        page = Page("/", self.send(Visit("GET", "/account" if self._house else "/login")).text)
        assert page.token, "there is no form with a CSRF token"
        self.csrf = page.token

    def send(self, visit: Visit) -> Answer:
        """Raises what the connection raises if there is no answer to a second try either."""
        try:
            return self._send(visit)
        except (HTTPException, OSError):
            # The server had closed it, as it may between two requests.
            self._connection.close()
            return self._send(visit)

    def close(self) -> None:
        self._connection.close()

    def _send(self, visit: Visit) -> Answer:
        body, headers = _body(visit)
        headers |= visit.headers
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        # As a browser does with what stands in a page.
        target = quote(visit.target, safe=ASCII, errors="surrogatepass")
        self._connection.request(visit.method, target, body, headers)
        with self._connection.getresponse() as response:
            answer = Answer(response.status, response.headers, response.read())
        for line in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self._cookies[name] = morsel.value
        return answer

    def _session(self, house: UUID) -> str:
        """What the cookie of a new session holds."""
        town = self._town
        with town.app.app_context():
            actor = town.services.identity.get_actor(town.user_of(self._caller), house)
            login = town.services.logins.start(actor)
            db.session.remove()
        serializer = town.app.session_interface.get_signing_serializer(town.app)  # type: ignore[attr-defined]
        return str(serializer.dumps({LOGIN: login}))


def with_token(visit: Visit, csrf: str) -> Visit:
    """The same as htmx sends it, from a page of this session."""
    visit.headers[CSRF_HEADER] = csrf
    if visit.fields is not None:
        visit.fields = [(name, csrf if name == CSRF else value) for name, value in visit.fields]
    return visit


def _body(visit: Visit) -> tuple[bytes | None, dict[str, str]]:
    if visit.fields is None:
        return None, {}
    if not visit.is_multipart:
        # What is no character at all is sent as the bytes that would stand for it.
        text = urlencode(visit.fields, errors="surrogatepass")
        return text.encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    values: MultiDict[str, str | FileStorage] = MultiDict()
    for name, value in visit.fields:
        clean = value.encode(errors="replace").decode()
        content = f"id,name\n1,{clean}\n".encode()
        held = FileStorage(BytesIO(content), filename=clean[:200]) if name in visit.files and clean else clean
        with suppress(UnicodeError):
            values.add(name.encode(errors="replace").decode(), held)
    boundary, body = encode_multipart(values, "fuzz-0198b7a2")
    return body, {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}


def quoted(text: str) -> str:
    """For an address: nothing stays as it is that could be read as a part of one."""
    return quote(text, safe="", errors="surrogatepass")
