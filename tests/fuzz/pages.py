"""All pages, tried by somebody in a browser: the routes that there are, and the forms that they show."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlencode, urlsplit

from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect, Rule

from tests.fuzz.addresses import addresses
from tests.fuzz.answers import HTML, faults_of
from tests.fuzz.browser import Answer, Browser, Visit, quoted, with_token
from tests.fuzz.forms import Form, Page
from tests.fuzz.town import Caller, Household, Town
from tests.fuzz.values import strange
from tests.house.walk import PUBLIC, SHARED

API = ("/api/", "/api")
# Longer ones the web server itself refuses, before the product hears of them.
LONGEST = 3000
ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
# Tried as the very last, and once: afterwards nobody is signed in.
LAST = {"login.logout", "login.logout_everywhere"}
# Who goes over to another of their organisations changes something there: `tests/pages/test_members.py`.
ELSEWHERE = {"members.switch"}
CSRF_REFUSED = 403
# A browser that has nobody in it: those pages, so that it never is anybody.
IN_FRONT = set(PUBLIC) | SHARED


@dataclass
class Seen:
    """What one run came to know."""

    findings: list[str] = field(default_factory=list)
    requests: int = 0
    reached: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    """By endpoint and method, with which statuses it answered."""


class Attack:
    """`house`: in which organisation the caller's browser is; None: nobody is signed in."""

    def __init__(self, town: Town, caller: Caller, house: Household | None, seed: int) -> None:
        self.seen = Seen()
        self._town, self._house, self._chance = town, house, Random(seed)
        self._browser = Browser(town, caller, house and house.id)
        self._others = [one.marker for one in town.households.values() if one is not house]
        self._rules = [rule for rule in town.app.url_map.iter_rules() if self._is_tried(rule)]
        self._ids = addresses(town, house)
        self._forms: dict[tuple[str, frozenset[str]], Form] = {}
        self._queries: dict[str, set[str]] = {}

    def run(self, goes_on: Callable[[Seen], bool]) -> Seen:
        """Every page once, every form once, then by chance as long as `goes_on` says."""
        self._browser.sign_in()
        try:
            for rule in self._rules:
                if rule.endpoint in LAST:
                    continue
                self._try(Visit("GET" if "GET" in (rule.methods or ()) else "POST", self._address(rule)))
            for endpoint, form in self._known():
                if endpoint not in LAST:
                    self._submit(form, form.filled(self._chance))
            while goes_on(self.seen):
                self._anything()
            for endpoint, form in self._known():
                if endpoint in LAST:
                    self._submit(form, form.filled(self._chance))
        finally:
            self._browser.close()
        return self.seen

    def _is_tried(self, rule: Rule) -> bool:
        if rule.websocket or rule.rule.startswith(API) or rule.endpoint in ELSEWHERE:
            return False
        return self._house is not None or rule.endpoint in IN_FRONT

    def _known(self) -> list[tuple[str, Form]]:
        return [(endpoint, form) for (endpoint, _), form in self._forms.items()]

    def _anything(self) -> None:
        chance = self._chance.random()
        forms = [form for endpoint, form in self._known() if endpoint not in LAST]
        if forms and chance < 0.5:
            form = self._chance.choice(forms)
            self._submit(form, form.spoilt(self._chance), self._headers())
        elif forms and chance < 0.55:
            self._without_token(self._chance.choice(forms))
        else:
            rule = self._chance.choice([one for one in self._rules if one.endpoint not in LAST])
            method = self._chance.choice(sorted(set(rule.methods or ()) - {"HEAD", "OPTIONS"}))
            target = self._address(rule, spoilt=self._chance.random() < 0.4) + self._query(rule.endpoint)
            self._try(Visit(method, target, [] if method == "POST" else None, headers=self._headers()))

    def _submit(self, form: Form, pairs: list[tuple[str, str]], headers: dict[str, str] | None = None) -> None:
        headers = headers or {}
        if form.method == "GET":
            query = urlencode(pairs, errors="surrogatepass")
            self._try(Visit("GET", f"{urlsplit(form.action).path}?{query[:LONGEST]}", headers=headers))
            return
        files = frozenset(one.name for one in form.inputs if one.kind == "file")
        for action in dict.fromkeys([form.action, *form.elsewhere]):
            self._try(Visit("POST", action, list(pairs), form.is_multipart, files, dict(headers)))

    def _without_token(self, form: Form) -> None:
        """As from a page of another site: refused, before anything else is looked at."""
        if form.method != "GET":
            pairs = [(name, "") if name == "csrf_token" else (name, value) for name, value in form.filled(self._chance)]
            visit = Visit("POST", form.action, pairs, form.is_multipart)
            answer = self._browser.send(visit)
            self._judge(visit, answer)
            if answer.status != CSRF_REFUSED and not self._is_out(answer):
                self.seen.findings.append(f"{visit}\nwithout a CSRF token it is answered {answer.status}")

    def _try(self, visit: Visit) -> None:
        if visit.method != "GET":
            with_token(visit, self._browser.csrf)
        answer = self._browser.send(visit)
        self._judge(visit, answer)
        if self._house is not None and self._is_out(answer):
            self._browser.sign_in()

    def _judge(self, visit: Visit, answer: Answer) -> None:
        self.seen.requests += 1
        endpoint = self._endpoint(visit)
        if endpoint:
            self.seen.reached.setdefault((endpoint, visit.method), set()).add(answer.status)
        found = faults_of(visit, answer, endpoint, self._others, self._town.settings.base_url)
        self.seen.findings += [f"{visit}\n{fault} ({answer.status})" for fault in found]
        if answer.kind == HTML and answer.status < 500:
            self._learn(Page(visit.path, answer.text))

    def _learn(self, page: Page) -> None:
        """The newest form of each kind is kept: what it is about is most likely still there."""
        self._browser.csrf = page.token or self._browser.csrf
        for form in page.forms:
            endpoint = self._endpoint(Visit(form.method, form.action))
            if any(endpoint == rule.endpoint for rule in self._rules):
                self._forms[endpoint, frozenset(one.name for one in form.inputs)] = form
        for path, names in page.queries().items():
            self._queries.setdefault(self._endpoint(Visit("GET", path)), set()).update(names)

    def _endpoint(self, visit: Visit) -> str:
        try:
            found, _ = self._town.app.url_map.bind("localhost").match(visit.path, visit.method)
        except (HTTPException, RequestRedirect):
            return ""
        return str(found)

    def _address(self, rule: Rule, *, spoilt: bool = False) -> str:
        """The rule's address: with things that there are, most of them of this organisation, or with anything."""

        def fill(match: re.Match[str]) -> str:
            return quoted(strange(self._chance, 200) if spoilt else self._one(rule, match[1]))

        return ARGUMENT.sub(fill, rule.rule)

    def _one(self, rule: Rule, name: str) -> str:
        area = rule.endpoint.partition(".")[0]
        found = self._ids.get(f"{area}.{name}", self._ids.get(name))
        assert found is not None, (
            f"Nobody knows what to put for <{name}> of {rule.rule} ({rule.endpoint}): add `{area}.{name}` to"
            " tests/fuzz/addresses.py."
        )
        own, all_of_it = found.get(self._house and self._house.id), [one for part in found.values() for one in part]
        return self._chance.choice(own if own and self._chance.random() < 0.8 else all_of_it)

    def _query(self, endpoint: str) -> str:
        names = sorted(self._queries.get(endpoint, ()))
        if not names or self._chance.random() < 0.2:
            names = [*names, "before", "next", "x"]
        pairs = [(name, strange(self._chance, 400)) for name in names if self._chance.random() < 0.5]
        return "?" + urlencode(pairs, errors="surrogatepass")[:LONGEST] if pairs else ""

    def _headers(self) -> dict[str, str]:
        """Now and then as htmx asks, from a page with whatever address."""
        if self._chance.random() < 0.7:
            return {}
        return {"HX-Request": "true", "HX-Current-URL": self._chance.choice(CURRENT)}

    @staticmethod
    def _is_out(answer: Answer) -> bool:
        """Whether nobody is signed in any more."""
        wanted = answer.headers.get("Location") or answer.headers.get("HX-Redirect") or ""
        return urlsplit(wanted).path == "/login"


CURRENT = ("http://localhost/jobs", "http://[", "javascript:alert(1)", "//evil.example/", "x" * 500)
