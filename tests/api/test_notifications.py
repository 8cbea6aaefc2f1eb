"""Channels, rules, words and the log of messages over the API."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Caller
from tests.api.problems import problem

PATH = "/api/notifications"
HOOK = {"kind": "webhook", "name": "Hook", "url": "https://example.org/hook?key=s3cret"}


def made(caller: Caller, what: str, **body: Any) -> dict[str, Any]:
    answer = caller("POST", f"{PATH}/{what}", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_a_channel_from_its_making_to_its_end(as_member: Caller) -> None:
    channel = made(as_member, "channels", **HOOK)
    assert channel["secret"].startswith("whsec_")
    assert "s3cret" not in channel["shown"]
    path = f"{PATH}/channels/{channel['id']}"
    [listed] = as_member("GET", f"{PATH}/channels").get_json()["channels"]
    assert (listed["id"], listed["name"], listed["secret"]) == (channel["id"], "Hook", None), "told once"
    off = as_member("PATCH", path, json={"name": "Other", "enabled": False}).get_json()
    assert (off["name"], off["disabledReason"]) == ("Other", "member@localhost switched it off.")
    assert as_member("PATCH", path, json={"enabled": True}).get_json()["disabledAt"] is None
    renewed = as_member("POST", f"{path}/secret").get_json()["secret"]
    assert renewed not in (None, channel["secret"])
    assert as_member("DELETE", path).get_json() == {"channels": []}
    assert as_member("PATCH", path, json={"name": "x"}).status_code == 404


def test_a_rule_is_made_said_anew_and_removed(as_member: Caller) -> None:
    channel = made(as_member, "channels", kind="browser", name="Here")["id"]
    rule = made(as_member, "rules", channelId=channel, events=["failed"], types=["echo"], digestMinutes=15)
    assert (rule["channelName"], rule["events"], rule["types"], rule["enabled"]) == ("Here", ["failed"], ["echo"], True)
    assert rule["withoutSteps"] is True
    path = f"{PATH}/rules/{rule['id']}"
    said = {
        "withoutSteps": False,
        "channelId": channel,
        "events": ["completed"],
        "quietFrom": "22:00",
        "quietUntil": "07:00",
    }
    anew = as_member("PUT", path, json=said).get_json()
    assert (anew["id"], anew["types"], anew["digestMinutes"], anew["quietFrom"]) == (rule["id"], [], 0, "22:00")
    assert anew["withoutSteps"] is False
    assert as_member("GET", f"{PATH}/rules").get_json()["rules"] == [anew]
    assert as_member("DELETE", path).get_json() == {"rules": []}
    assert as_member("PUT", path, json=said).status_code == 404


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("channels", {**HOOK, "url": "http://10.0.0.1/"}, "url"),
        ("channels", {**HOOK, "kind": "pigeon"}, "kind"),
        ("channels", {**HOOK, "name": ""}, "name"),
        ("rules", {"events": []}, "events"),
        ("rules", {"events": ["exploded"]}, "events.0"),
        ("rules", {"events": ["failed"], "zone": "Mars"}, "zone"),
        ("rules", {"events": ["failed"], "quietFrom": "22:00"}, "quietUntil"),
        ("rules", {"events": ["failed"], "digestMinutes": -1}, "digestMinutes"),
    ],
)
def test_what_cannot_be_names_its_field(as_member: Caller, what: str, body: dict[str, Any], field: str) -> None:
    if what == "rules":
        body = {"channelId": made(as_member, "channels", kind="browser", name="Here")["id"], **body}
    told = problem(as_member("POST", f"{PATH}/{what}", json=body), 422)
    assert [one["field"] for one in told["errors"]] == [field]


def test_a_message_is_sent_to_try_found_in_the_log_and_sent_again(as_member: Caller, as_admin: Caller) -> None:
    channel = made(as_member, "channels", **HOOK)["id"]
    sent = made(as_member, f"channels/{channel}/test")
    assert (sent["state"], sent["occasion"], sent["tries"]) == ("pending", "test", [])
    assert '"type":"test"' in sent["body"].replace(" ", "")
    assert as_member("GET", f"{PATH}/deliveries/{sent['id']}").get_json() == sent
    log = as_member("GET", f"{PATH}/deliveries?channel={channel}&state=pending").get_json()
    assert ([one["id"] for one in log["deliveries"]], log["nextCursor"]) == ([sent["id"]], None)
    assert as_member("GET", f"{PATH}/deliveries?state=failed").get_json()["deliveries"] == []
    again = as_member("POST", f"{PATH}/deliveries/{sent['id']}/replay")
    assert (again.status_code, again.get_json()["id"]) == (201, sent["id"]), "it waits still, and is tried now"
    assert as_admin("GET", f"{PATH}/deliveries/{sent['id']}").status_code == 404, "it is the member's own"


def test_words_are_tried_before_they_are_set(as_member: Caller, as_admin: Caller) -> None:
    told = problem(as_admin("PUT", f"{PATH}/words", json={"subject": "{{ nothing }}"}), 422)
    assert told["errors"][0]["field"] == "subject"
    set_ = as_admin("PUT", f"{PATH}/words", json={"subject": "{{ job.name }}!"}).get_json()
    assert (set_["subject"], set_["text"], "subject" in set_["defaults"]) == ("{{ job.name }}!", None, True)
    assert as_admin("GET", f"{PATH}/words").get_json() == set_
    assert as_member("PUT", f"{PATH}/words", json={"subject": "x"}).status_code == 403
