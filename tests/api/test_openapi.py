"""The OpenAPI document says of each call what it takes, what it answers and how it refuses; its examples are right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask_openapi3 import OpenAPI
from jsonschema_rs import Draft202012Validator

from jobsapp.api.examples import examples

EVERYWHERE = {"401", "403", "414", "422", "429", "500", "503"}
WITH_A_BODY = {"400", "413", "415"}
WITHOUT_EXAMPLE = {"*/*", "application/octet-stream", "multipart/form-data"}


@pytest.fixture
def document(app: OpenAPI) -> dict[str, Any]:
    found: dict[str, Any] = app.api_doc
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def resolved(document: dict[str, Any], found: Any) -> Any:
    """What a reference leads to. A reference that leads nowhere fails."""
    while isinstance(found, dict) and "$ref" in found:
        target: Any = document
        for part in found["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        found = target
    return found


def references(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_it_is_openapi_3_1_and_all_of_it_is_there(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    for reference in references({name: part for name, part in document.items() if name != "components"}):
        assert resolved(document, reference)
    for kind in ("schemas", "headers"):
        for reference in references(document["components"][kind]):
            assert resolved(document, reference)


def test_each_operation_has_a_name_a_summary_and_a_description_of_its_area(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    for call, operation in operations(document):
        assert len(operation["summary"]) > 10, call
        assert operation["summary"].endswith("."), call
        assert set(operation["tags"]) <= described, call


def test_each_operation_says_how_it_refuses(document: dict[str, Any]) -> None:
    for call, operation in operations(document):
        statuses = set(operation["responses"])
        assert statuses >= EVERYWHERE, call
        assert statuses >= WITH_A_BODY or "requestBody" not in operation, call
        assert "404" in statuses or "{id}" not in call, call
        for status in statuses:
            if status < "400":
                continue
            ((kind, content),) = operation["responses"][status]["content"].items()
            assert kind == "application/problem+json", call
            assert resolved(document, content["examples"]["problem"])["value"]["status"] == int(status), call
        assert "Retry-After" in operation["responses"]["429"]["headers"], call


def test_each_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    """Write one: `jobsapp/api/examples/SCHEMA.json`."""
    for call, operation in operations(document):
        answers = [answer for status, answer in operation["responses"].items() if status < "300"]
        assert answers, call
        for whole in [operation.get("requestBody", {}), *answers]:
            for kind, content in whole.get("content", {}).items():
                assert kind in WITHOUT_EXAMPLE or content.get("examples"), (call, content["schema"])


def test_no_example_is_left_over(document: dict[str, Any]) -> None:
    used = {one["$ref"].rpartition("/")[2] for one in references(document["paths"])}
    assert set(examples()) <= used


def test_examples_are_what_their_schemas_say(document: dict[str, Any]) -> None:
    for name, example in examples().items():
        check(document, name, example)
        assert set(document["components"]["schemas"][name].get("required", [])) <= example.keys(), name


def test_problems_are_what_their_schema_says(document: dict[str, Any]) -> None:
    for name, example in document["components"]["examples"].items():
        if name.startswith("Problem"):
            check(document, "Problem", example["value"])


def check(document: dict[str, Any], schema: str, example: Any) -> None:
    whole = {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": document["components"]["schemas"]}}
    Draft202012Validator(whole, validate_formats=True).validate(example)
