"""Presets over the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Caller

PATH = "/api/types/steps/presets"


def names(caller: Caller, path: str = PATH) -> list[tuple[str, str]]:
    return [(one["origin"], one["name"]) for one in caller("GET", path).get_json()["presets"]]


def test_saved_listed_replaced_and_deleted(as_member: Caller) -> None:
    answer = as_member("POST", PATH, json={"name": "Long walk", "description": "far", "data": {"steps": 900}})
    assert answer.status_code == 201, answer.text
    saved = answer.get_json()
    assert saved | {"id": "", "createdAt": ""} == {
        "id": "",
        "name": "Long walk",
        "description": "far",
        "data": {"steps": 900},
        "origin": "own",
        "createdAt": "",
        "deletable": True,
    }
    again = as_member("POST", PATH, json={"name": " Long walk ", "data": {"steps": 1000}}).get_json()
    assert (again["id"], again["data"], again["description"]) == (saved["id"], {"steps": 1000}, "")
    assert names(as_member) == [("own", "Long walk")]
    assert as_member("DELETE", f"{PATH}/{saved['id']}").get_json() == {"presets": []}
    assert as_member("DELETE", f"{PATH}/{saved['id']}").status_code == 404


def test_whose_they_are(as_member: Caller, as_admin: Caller, as_stranger: Caller) -> None:
    own = as_member("POST", PATH, json={"name": "Mine", "data": {}}).get_json()
    shared = as_member("POST", PATH, json={"name": "Ours", "data": {}, "shared": True}).get_json()
    boss = as_admin("POST", PATH, json={"name": "Boss", "data": {}, "shared": True}).get_json()
    assert names(as_member) == [("organization", "Boss"), ("organization", "Ours"), ("own", "Mine")]
    assert names(as_admin) == [("organization", "Boss"), ("organization", "Ours")]
    assert names(as_stranger) == []
    assert as_admin("DELETE", f"{PATH}/{own['id']}").status_code == 404
    assert as_stranger("DELETE", f"{PATH}/{shared['id']}").status_code == 404
    assert as_member("DELETE", f"{PATH}/{boss['id']}").status_code == 403
    assert as_admin("DELETE", f"{PATH}/{shared['id']}").status_code == 200


def test_those_of_a_type_come_first_and_stay(as_admin: Caller) -> None:
    path = "/api/types/data-conversion/presets"
    saved = as_admin("POST", path, json={"name": "A", "data": {"target_format": "csv"}})
    assert saved.get_json()["data"] == {"targetFormat": "csv"}, "as the form names them"
    found = names(as_admin, path)
    assert found[0] == ("type", "To Parquet with exact types")
    assert found[-1] == ("own", "A")
    assert as_admin("DELETE", f"{path}/to-parquet-with-exact-types").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "data": {}}, "name"),
        ({"name": "  ", "data": {}}, "name"),
        ({"name": "x" * 101, "data": {}}, "name"),
        ({"name": "x", "data": {"steps": "many"}}, "data.steps"),
        ({"name": "x", "data": {"step": 1}}, "data.step"),
        ({"name": "x", "data": {"gate": "a\0"}}, "data.gate"),
        ({"name": "x", "data": {"gate": "a" * 100_000}}, "data"),
        ({"name": "x"}, "data"),
    ],
)
def test_what_is_wrong_is_named(as_member: Caller, body: dict[str, Any], field: str) -> None:
    answer = as_member("POST", PATH, json=body)
    assert answer.status_code == 422, answer.text
    assert [fault["field"] for fault in answer.get_json()["errors"]] == [field]
    assert names(as_member) == []


def test_they_are_not_endless(as_member: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobsapp.services.presets.PER_PERSON", 2)
    answers = [as_member("POST", PATH, json={"name": name, "data": {}}).status_code for name in ("a", "b", "c", "a")]
    assert answers == [201, 201, 409, 201]


def test_nowhere(as_member: Caller, as_nobody: Caller) -> None:
    assert as_member("GET", "/api/types/nonsense/presets").status_code == 404
    assert as_member("POST", "/api/types/nonsense/presets", json={"name": "x", "data": {}}).status_code == 404
    assert as_member("DELETE", f"{PATH}/nonsense").status_code == 404
    assert as_nobody("GET", PATH).status_code == 401
