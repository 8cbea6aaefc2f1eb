"""E-mail to a real SMTP server."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from jobsapp.core.actors import Actor
from jobsapp.errors import InvalidInput
from jobsapp.services import Services
from jobsapp.services.audit import AuditFilter
from jobsapp.services.channels import ChannelChange, NewChannel
from jobsapp.services.wording import JOB, Words
from tests.notifications.conftest import Post
from tests.notifications.receivers import Endpoint, Mailbox, Reply


def mail(services: Services, actor: Actor, post: Post, **rule: object) -> None:
    post.rule(actor, services.channels.create(actor, NewChannel("email", "Mail")), **rule)


def test_a_failure_comes_as_text_and_html(post: Post, services: Services, member: Actor, mailbox: Mailbox) -> None:
    mail(services, member, post)
    job_id = post.end_and_send(member, "fail", name="Import <b>")
    [message] = mailbox.messages
    assert message["To"] == "member@localhost"
    assert message["From"] == "Jobs <jobs@example.org>"
    assert message["Subject"] == "Import <b> failed"
    assert message["Auto-Submitted"] == "auto-generated"
    text, html = message.get_body(["plain"]), message.get_body(["html"])
    assert text is not None
    assert html is not None
    assert f"https://jobs.example.org/jobs/{job_id}" in text.get_content()
    assert "Import &lt;b&gt;" in html.get_content()
    assert "<b>" not in html.get_content()


def test_the_link_in_it_ends_them_without_a_login(
    post: Post, services: Services, member: Actor, admin: Actor, mailbox: Mailbox, client: FlaskClient
) -> None:
    mail(services, member, post)
    post.end_and_send(member)
    [message] = mailbox.messages
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # As it is on the wire: a program that reads this header decodes nothing.
    assert b"\r\nList-Unsubscribe: <https://jobs.example.org/notifications/unsubscribe/" in mailbox.raw[0]
    path = urlsplit(message["List-Unsubscribe"].strip("<>")).path
    assert client.get(path).status_code == 200
    [channel] = services.channels.all(member)
    assert channel.disabled_at is None, "a program that only looks at the link ends nothing"
    assert client.post(f"{path}x").status_code == 404
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    post.end_and_send(member)
    assert len(mailbox.messages) == 1
    assert services.channels.get(member, channel.id).disabled_at is not None
    entry = services.audit.page(admin, AuditFilter(action="channel-switched-off"))[0][0]
    assert (entry.actor, entry.text) == ("nobody", "switched off the channel Mail for notifications of one's own")


def test_a_server_that_is_away_or_refuses_loses_nothing(
    post: Post, services: Services, member: Actor, mailbox: Mailbox
) -> None:
    mailbox.refusal = "451 try later"
    mail(services, member, post)
    post.end_and_send(member)
    [waiting] = services.deliveries.page(member)[0]
    assert (waiting.state, waiting.tries[0].status, waiting.tries[0].answer) == ("pending", 451, "try later")
    mailbox.refusal = ""
    post.send(post.now() + timedelta(seconds=10))
    [message] = mailbox.messages
    assert message["Message-ID"] == f"<{waiting.id}@example.org>"


def test_own_mail_goes_to_ones_own_address(services: Services, member: Actor, admin: Actor) -> None:
    with pytest.raises(InvalidInput, match="own address"):
        services.channels.create(member, NewChannel("email", "x", to=("somebody@example.org",)))
    made = services.channels.create(admin, NewChannel("email", "x", "organization", to=("team@example.org",)))
    assert made.shown == "team@example.org"


def test_the_owner_is_told_of_a_channel_that_was_switched_off(
    post: Post, services: Services, member: Actor, mailbox: Mailbox, endpoint: Endpoint
) -> None:
    endpoint.reply = Reply(410)
    post.webhook(member, endpoint.url)
    post.end_and_send(member)
    post.send()
    [message] = mailbox.messages
    assert message["To"] == "member@localhost"
    assert "switched off" in message["Subject"]


@pytest.mark.parametrize("ended", [False, True])
def test_where_e_mail_does_not_work_the_browser_tells_of_a_channel_that_was_switched_off(
    post: Post, services: Services, member: Actor, mailbox: Mailbox, endpoint: Endpoint, ended: bool
) -> None:
    """It is e-mail that has failed for days, or that its owner has ended."""
    mail(services, member, post, events=("failed",))
    [channel] = services.channels.all(member)
    if ended:
        services.channels.change(member, channel.id, ChannelChange(enabled=False))
        endpoint.reply = Reply(410)
        post.webhook(member, endpoint.url)
        post.end_and_send(member)
    else:
        mailbox.refusal = "550 nobody"
        post.connection.execute(
            "UPDATE notification_channels SET failures = 20, failing_since = now() - interval '6 d'"
        )
        post.end_and_send(member, "fail")
    post.send()
    assert mailbox.messages == []
    [told] = services.deliveries.for_browser(member, after=None)
    assert told.subject == f"The channel “{'Hook' if ended else 'Mail'}” was switched off"
    assert ("410" if ended else "failed for days") in told.body
    assert [one.name for one in services.channels.all(member) if one.kind == "browser"] == ["My browser"]


def test_of_a_channel_of_the_organisation_an_administrator_is_told_where_its_maker_is_gone(
    post: Post, services: Services, operator: Actor, mailbox: Mailbox, endpoint: Endpoint
) -> None:
    endpoint.reply = Reply(410)
    channel = post.webhook(operator, endpoint.url, "organization")
    post.connection.execute("UPDATE notification_channels SET created_by = NULL WHERE id = %s", [channel.id])
    post.end_and_send(operator)
    post.send()
    assert [one["To"] for one in mailbox.messages] == ["admin@localhost"]


def test_the_organisations_own_words(post: Post, services: Services, admin: Actor, mailbox: Mailbox) -> None:
    services.notification_words.set(
        admin, Words(subject="[{{ organization }}] {{ job.name|upper }}", text="{{ words }}!")
    )
    mail(services, admin, post)
    post.end_and_send(admin)
    assert mailbox.messages[0]["Subject"] == "[default] IMPORT"


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ job.nam", "is no template"),
        ("{{ price }}", "undefined"),
        ("{{ job.__class__ }}", "cannot|no template|unsafe|undefined"),
        ("{{ ''.join(job) }}", "not available"),
        ("{% for a in job %}{% for b in job %}x{% endfor %}{% endfor %}", "another"),
        ("{{ 'x' * 1000000000 }}", "not available"),
        ("{% set x = 1 %}", "not available"),
        ("{% include 'layout.html' %}", "not available"),
        ("{{ job.name|attr('x') }}", "attr|filter"),
        ("{{ range(10) }}", "not available"),
        (" ", "nothing"),
        ("x" * 400, "300"),
    ],
)
def test_a_template_is_tried_when_it_is_saved(services: Services, admin: Actor, template: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as told:
        services.notification_words.set(admin, Words(subject=template))
    assert told.value.errors[0].field == "subject"


def test_the_usual_words_of_one_and_of_many(services: Services) -> None:
    assert services.notification_words.sample(Words(), digest=False) == (
        "Nightly import failed",
        "Nightly import failed after 2 min 5 s.\n\nValueError: row 50 has no price\n\n"
        f"Type: data-conversion\nOrganisation: Example\n{JOB['url']}",
    )
    assert services.notification_words.sample(Words(), digest=True) == (
        "2 jobs: 1 failed, 1 completed",
        f"1 failed, 1 completed\n\n- Nightly import failed: row 50 has no price\n  {JOB['url']}\n"
        f"- Report completed\n  {JOB['url']}\n\nOrganisation: Example",
    )
