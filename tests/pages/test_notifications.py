"""The pages of notifications: channels, rules, words and the log, by forms alone."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.services import Services, notification_rules
from jobsapp.services.channels import NewChannel
from jobsapp.services.new_schedules import NewSchedule
from tests.pages.conftest import token_in

HERE = "/notifications"


def sent(web: FlaskClient, address: str, **fields: object) -> dict[str, object]:
    return {"csrf_token": token_in(web.get(address).text), **fields}


def test_a_webhook_is_made_tried_and_its_message_read(web: FlaskClient, services: Services, admin: Actor) -> None:
    assert "You are told of nothing" in web.get(HERE).text
    form = sent(web, f"{HERE}/channels/new", kind="webhook", scope="own", name="Hook", url="https://example.org/h")
    made = web.post(f"{HERE}/channels", data=form)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", made.text)
    assert secret is not None
    assert secret[0] not in web.get(HERE).text
    [channel] = services.channels.all(admin)
    tried = web.post(f"{HERE}/channels/{channel.id}/test", data=form)
    shown = web.get(tried.headers["Location"]).text
    assert "It was not tried yet" in shown
    assert "&#34;type&#34;:&#34;test&#34;" in shown
    again = web.post(tried.headers["Location"] + "/replay", data=form)
    assert again.status_code == 303
    assert "A test of notifications" in web.get(f"{HERE}/deliveries?channel={channel.id}&state=pending").text
    assert "Nothing was sent" in web.get(f"{HERE}/deliveries?state=failed").text
    renewed = web.post(f"{HERE}/channels/{channel.id}/secret", data=form).text
    assert "whsec_" in renewed
    assert secret[0] not in renewed
    assert web.post(f"{HERE}/channels/{channel.id}/switch", data={**form, "on": "no"}).status_code == 303
    assert "Switched off" in web.get(HERE).text
    assert web.post(f"{HERE}/channels/{channel.id}/delete", data=form).status_code == 303
    assert services.channels.all(admin) == []


def test_what_is_wrong_stands_beside_its_field(web: FlaskClient) -> None:
    form = sent(web, f"{HERE}/channels/new", kind="webhook", scope="own", name="Hook", url="http://10.0.0.1/")
    refused = web.post(f"{HERE}/channels", data=form)
    assert refused.status_code == 422
    assert re.search(r'id="url-error">Must be a public address', refused.text)
    assert 'value="http://10.0.0.1/"' in refused.text


def test_a_rule_is_made_changed_and_removed(web: FlaskClient, services: Services, admin: Actor) -> None:
    channel = services.channels.create(admin, NewChannel("email", "Mail"))
    form = sent(web, f"{HERE}/rules/new", channel_id=channel.id, events=["failed"], enabled="on", digest_minutes="15")
    assert web.post(f"{HERE}/rules", data={**form, "zone": "Mars"}).status_code == 422
    assert "Must be a time zone" in web.post(f"{HERE}/rules", data={**form, "zone": "Mars"}).text
    assert "Must be a whole number" in web.post(f"{HERE}/rules", data={**form, "digest_minutes": "x"}).text
    here = web.get(f"{HERE}/rules/new?schedule={channel.id}").text
    assert f'<option value="{channel.id}" selected>One that was deleted' in here
    refused = web.post(f"{HERE}/rules", data={**form, "schedule_id": channel.id})
    assert 'id="schedule_id-error">Is no schedule of the organisation.' in refused.text
    assert "Choose one of the list" in web.post(f"{HERE}/rules", data={**form, "schedule_id": "x"}).text
    assert web.post(f"{HERE}/rules", data={**form, "types": ["echo"]}).status_code == 303
    [rule] = services.notification_rules.all(admin)
    assert (rule.events, rule.types, rule.digest_minutes, rule.enabled) == (["failed"], ["echo"], 15, True)
    assert not rule.without_steps
    assert "and of each step of a workflow" in web.get(HERE).text
    page = web.get(f"{HERE}/rules/{rule.id}").text
    assert '<input type="checkbox" id="type-echo" name="types" value="echo" checked>' in page
    chosen = re.compile(r'id="without_steps"[^>]*\schecked>')
    assert not chosen.search(page)
    assert chosen.search(here), "of a new rule"
    assert web.post(f"{HERE}/rules/{rule.id}", data={**form, "without_steps": "on"}).status_code == 303
    assert services.notification_rules.all(admin)[0].without_steps
    assert "each step" not in web.get(HERE).text
    changed = {**form, "quiet_from": "22:00", "quiet_until": "07:00", "zone": "Europe/Vienna"}
    assert web.post(f"{HERE}/rules/{rule.id}", data=changed).status_code == 303
    assert "quiet from 22:00 to 07:00 (Europe/Vienna)" in web.get(HERE).text
    assert web.post(f"{HERE}/rules/{rule.id}/remove", data=form).status_code == 303
    assert services.notification_rules.all(admin) == []


def test_a_rule_names_a_schedule_of_a_list(
    web: FlaskClient, services: Services, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a form alone; where there are many, a part of the name narrows it and what was typed stays."""
    monkeypatch.setattr(notification_rules, "SCHEDULES_SHOWN", 2)
    channel = services.channels.create(admin, NewChannel("email", "Mail"))
    for name in ("Nightly", "Hourly 100%", "Weekly"):
        services.schedules.create(admin, NewSchedule("echo", {}, name, every_seconds=3600))
    page = web.get(f"{HERE}/rules/new").text
    assert re.findall(r">([^<>]*) \(Echo\)</option>", page) == ["Hourly 100%", "Nightly"]
    form = sent(web, f"{HERE}/rules/new", channel_id=channel.id, events=["failed"], enabled="on", digest_minutes="15")
    found = web.post(f"{HERE}/rules", data={**form, "look": "yes", "schedule_sought": "EEK"})
    [weekly] = re.findall(r'<option value="(.{36})" >Weekly', found.text)
    assert 'value="15"' in found.text
    assert "Nightly" not in found.text
    assert "100%" in web.post(f"{HERE}/rules", data={**form, "look": "yes", "schedule_sought": "%"}).text
    assert services.notification_rules.all(admin) == []
    assert web.post(f"{HERE}/rules", data={**form, "schedule_id": weekly}).status_code == 303
    [rule] = services.notification_rules.all(admin)
    assert (str(rule.schedule_id), rule.schedule_name) == (weekly, "Weekly")
    assert f'Jobs of the schedule <a href="/schedules/{weekly}">Weekly</a>' in web.get(HERE).text
    assert f'<option value="{weekly}" selected>Weekly' in web.get(f"{HERE}/rules/{rule.id}").text
    assert web.post(f"{HERE}/rules/{rule.id}", data={**form, "schedule_id": ""}).status_code == 303
    assert services.notification_rules.get(admin, rule.id).schedule_id is None


def test_the_words_are_shown_as_they_will_read(web: FlaskClient, services: Services, admin: Actor) -> None:
    page = web.get(f"{HERE}/words").text
    assert "Nightly import failed" in page
    form = {"csrf_token": token_in(page), "subject": "{{ job.name }}: {{ words }}"}
    assert web.post(f"{HERE}/words", data={**form, "text": "{{ nothing }}"}).status_code == 422
    assert web.post(f"{HERE}/words", data=form).status_code == 303
    assert "Nightly import: failed" in web.get(f"{HERE}/words").text
    assert services.notification_words.get(admin).text is None, "what nobody changed follows jobsapp's"


@pytest.mark.parametrize("path", ["channels", "rules"])
def test_the_address_of_a_form_leads_back(web: FlaskClient, path: str) -> None:
    assert web.get(f"{HERE}/{path}").headers["Location"] == HERE
