"""A page as a program reads it: its forms, the addresses in it, and what should not have come out of a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from random import Random
from urllib.parse import parse_qsl, urljoin, urlsplit

from tests.fuzz.values import ATTRIBUTE, likely, strange

ADDRESSES = ("href", "src", "action", "formaction", "hx-get", "hx-post")
BUTTONS = {"submit", "image", "button", "reset"}
CSRF = "csrf_token"
Pairs = list[tuple[str, str]]


@dataclass
class Input:
    """`options`: what can be chosen; empty: whatever one writes."""

    name: str
    kind: str
    value: str
    options: list[str] = field(default_factory=list)


@dataclass
class Form:
    action: str
    method: str = "GET"
    is_multipart: bool = False
    inputs: list[Input] = field(default_factory=list)
    buttons: Pairs = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    """Where some of its buttons send it instead."""

    def filled(self, chance: Random) -> Pairs:
        """As somebody would send it who fills it in."""
        pairs = [pair for one in self.inputs if (pair := _pair(one, chance)) is not None]
        return pairs + ([chance.choice(self.buttons)] if self.buttons else [])

    def spoilt(self, chance: Random) -> Pairs:
        """With something in it that does not belong there, or without what does. The CSRF token stays."""
        pairs = self.filled(chance)
        for _ in range(chance.randint(1, 3)):
            places = [index for index, (name, _) in enumerate(pairs) if name != CSRF]
            index = chance.choice(places) if places else len(pairs)
            name = pairs[index][0] if places else strange(chance, 50)
            match chance.randrange(8):
                case 0 if places:
                    del pairs[index]
                case 1:
                    pairs.append((name, strange(chance)))
                case 2:
                    pairs.append((strange(chance, 50), strange(chance)))
                case _:
                    pairs[index : index + 1] = [(name, strange(chance))]
        return pairs


class Page(HTMLParser):
    def __init__(self, address: str, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.addresses: list[str] = []
        self.faults: list[str] = []
        self._address = address
        self._by_id: dict[str, Form] = {}
        self._inside: Form | None = None
        self._choice: Input | None = None
        self._others: list[tuple[str, Input]] = []
        self.feed(html)
        for form_id, one in self._others:
            if form_id in self._by_id:
                self._by_id[form_id].inputs.append(one)

    @property
    def token(self) -> str:
        """For a change from this page; empty if it has no form for one."""
        found = (one.value for form in self.forms for one in form.inputs if one.name == CSRF)
        return next(found, "")

    def queries(self) -> dict[str, set[str]]:
        """By path, the names in the query strings of addresses in the page."""
        found: dict[str, set[str]] = {}
        for address in self.addresses:
            parts = urlsplit(address)
            found.setdefault(parts.path, set()).update(name for name, _ in parse_qsl(parts.query, True))
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._look(tag, given)
        self.addresses += [urljoin(self._address, given[name]) for name in ADDRESSES if given.get(name, "#")[:1] == "/"]
        if tag == "form":
            self._open(given)
        elif tag == "option" and self._choice is not None:
            self._choice.options.append(given.get("value", ""))
            if "selected" in given:
                self._choice.value = given.get("value", "")
        elif tag == "button":
            self._press(given)
        elif tag in ("input", "select", "textarea") and given.get("name"):
            self._add(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None
        elif tag == "select":
            self._choice = None

    def _look(self, tag: str, given: Mapping[str, str]) -> None:
        if tag == "b" and given.get("id") == "x":
            self.faults.append("an element of what was sent is an element of the page")
        for name, value in given.items():
            if name.startswith(ATTRIBUTE):
                self.faults.append(f"<{tag}> has an attribute of what was sent")
            if name.startswith("on") or (name in ADDRESSES and value.strip().lower().startswith("javascript:")):
                self.faults.append(f"<{tag} {name}> holds a script")

    def _open(self, given: Mapping[str, str]) -> None:
        action = urlsplit(urljoin(self._address, given.get("action") or self._address))
        path = action.path + (f"?{action.query}" if action.query else "")
        form = Form(path, given.get("method", "get").upper(), given.get("enctype", "") == "multipart/form-data")
        self.forms.append(form)
        self._inside = form
        if "id" in given:
            self._by_id[given["id"]] = form

    def _press(self, given: Mapping[str, str]) -> None:
        form = self._by_id.get(given["form"]) if "form" in given else self._inside
        if form is None:
            return
        if given.get("name"):
            form.buttons.append((given["name"], given.get("value", "")))
        if given.get("formaction"):
            form.elsewhere.append(given["formaction"])

    def _add(self, tag: str, given: Mapping[str, str]) -> None:
        kind = given.get("type", "text") if tag == "input" else tag
        value = given.get("value", "on" if kind == "checkbox" else "")
        one = Input(given["name"], kind, value, [value] if kind in ("checkbox", "radio") else [])
        if tag == "select":
            self._choice = one
        if "form" in given:
            self._others.append((given["form"], one))
        elif self._inside is not None and kind not in BUTTONS:
            self._inside.inputs.append(one)


def _pair(one: Input, chance: Random) -> tuple[str, str] | None:
    if one.kind in ("checkbox", "radio"):
        return (one.name, one.value) if chance.random() < 0.6 else None
    if one.options:
        return one.name, chance.choice([one.value, *one.options])
    if one.kind in ("hidden", "file") or one.value or chance.random() < 0.3:
        return one.name, one.value
    return one.name, likely(one.kind, one.name, chance)
