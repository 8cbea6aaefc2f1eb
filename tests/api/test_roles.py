"""What each role may do: one table of actions, tried with each role, and what ends with a membership."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest

from jobsapp.core.actors import Actor
from jobsapp.services import Services
from jobsapp.services.jobs import NewJob
from tests.api.conftest import Answer, Caller
from tests.api.problems import problem

ROLES = ("viewer", "member", "operator", "admin")
Maker = Callable[[Actor | None], Caller]
Try = Callable[[Caller, "Stage"], Answer]


class Stage:
    """Things of another member's to try one's hands at, and jobs of the caller's own as soon as they may have some."""

    def __init__(self, others: Caller, services: Services, caller: Actor) -> None:
        self.services = services
        self.caller = caller
        self.theirs = others.create()["id"]
        self.cancelled = others.create()["id"]
        others("PATCH", f"/api/jobs/{self.cancelled}/cancel")
        self.share = others("POST", f"/api/jobs/{self.theirs}/tokens", json={"kind": "share"}).get_json()["id"]
        self.preset = others(
            "POST", "/api/types/echo/presets", json={"name": "x", "data": {}, "shared": True}
        ).get_json()["id"]

    def mine(self, *, cancelled: bool = False) -> str:
        """A job of the caller's, from the time when they still were a member."""
        memberships = self.services.memberships
        where, who = self.caller.organization_id, self.caller.user_id
        memberships.set_role(where, who, "member")
        was = self.services.identity.get_actor(who)
        job, _ = self.services.jobs.create(was, NewJob("echo", {}))
        if cancelled:
            self.services.jobs.cancel(was, job.id)
        memberships.set_role(where, who, self.caller.role)
        return str(job.id)


def change(method: str, path: str, **how: Any) -> Try:
    return lambda caller, stage: caller(method, path.format(**vars(stage)), **how)


ACTIONS: dict[str, tuple[str, Try]] = {
    "read a job": ("viewer", change("GET", "/api/jobs/{theirs}")),
    "see members": ("viewer", change("GET", "/api/members")),
    "see queues": ("viewer", change("GET", "/api/queues")),
    "who am I": ("viewer", change("GET", "/api/me")),
    "create": ("member", change("POST", "/api/jobs", json={"type": "echo", "data": {}})),
    "create many": ("member", change("POST", "/api/jobs/bulk", json={"jobs": [{"type": "echo", "data": {}}]})),
    "upload": ("member", lambda caller, _: caller("POST", "/api/files", data={"file": (BytesIO(b"a"), "a.txt")})),
    "keep a preset": ("member", change("POST", "/api/types/echo/presets", json={"name": "y", "data": {}})),
    "cancel one's own": ("member", lambda caller, stage: caller("PATCH", f"/api/jobs/{stage.mine()}/cancel")),
    "retry one's own": (
        "member",
        lambda caller, stage: caller("POST", f"/api/jobs/{stage.mine(cancelled=True)}/retry"),
    ),
    "share one's own": (
        "member",
        lambda caller, stage: caller("POST", f"/api/jobs/{stage.mine()}/tokens", json={"kind": "share"}),
    ),
    "change many": ("member", change("POST", "/api/jobs/bulk/cancel", json={"filter": {}})),
    "cancel another's": ("operator", change("PATCH", "/api/jobs/{theirs}/cancel")),
    "retry another's": ("operator", change("POST", "/api/jobs/{cancelled}/retry")),
    "share another's": ("operator", change("POST", "/api/jobs/{theirs}/tokens", json={"kind": "share"})),
    "revoke another's link": ("operator", change("DELETE", "/api/jobs/{theirs}/tokens/{share}")),
    "pause": ("operator", change("POST", "/api/queues/echo/pause")),
    "resume": ("operator", change("POST", "/api/queues/echo/resume")),
    "delete": ("admin", change("DELETE", "/api/jobs/{cancelled}")),
    "delete many": ("admin", change("POST", "/api/jobs/bulk/delete", json={"filter": {}})),
    "clean up": ("admin", change("DELETE", "/api/jobs/cleanup?days=30")),
    "delete another's preset": ("admin", change("DELETE", "/api/types/echo/presets/{preset}")),
    "limit a queue": ("admin", change("PUT", "/api/limits/queue/echo", json={"maxActive": 1})),
    "limit each organisation": ("admin", change("PUT", "/api/limits/organization/*", json={"maxActive": 1})),
    "invite": ("admin", change("POST", "/api/members", json={"email": "new@localhost"})),
    "rename": ("admin", change("PATCH", "/api/organization", json={"name": "renamed"})),
}
OF_THE_INSTALLATION = ("pause", "resume", "limit a queue", "limit each organisation")


@pytest.mark.parametrize("role", ROLES)
def test_each_role_and_each_action(services: Services, caller: Maker, member: Actor, role: str) -> None:
    user = services.identity.create_user("asks@localhost", role=role)
    asks = services.identity.get_actor(user.id)
    as_asks, others = caller(asks), caller(member)
    for name, (needed, attempt) in ACTIONS.items():
        answer = attempt(as_asks, Stage(others, services, asks))
        if ROLES.index(role) >= ROLES.index(needed):
            assert answer.status_code < 300, (name, answer.text)
        else:
            said = problem(answer, 403, "forbidden")["detail"]
            assert said.endswith(f"one needs the role {needed}; your role here is {role}."), (name, said)


@pytest.mark.parametrize("name", OF_THE_INSTALLATION)
def test_queues_are_for_who_runs_the_installation(
    services: Services, as_stranger: Caller, as_member: Caller, stranger: Actor, name: str
) -> None:
    answer = ACTIONS[name][1](as_stranger, Stage(as_member, services, stranger))
    said = problem(answer, 403, "forbidden")["detail"]
    assert said.endswith("a member of the organisation that runs this installation.")


def test_an_organisations_own_limit_is_its_administrators(as_stranger: Caller, stranger: Actor) -> None:
    path = f"/api/limits/organization/{stranger.organization_id}"
    assert as_stranger("PUT", path, json={"maxActive": 1}).status_code == 200


def test_workers_are_for_who_runs_the_installation(as_member: Caller, as_stranger: Caller) -> None:
    for caller in (as_member, as_stranger):
        problem(caller("POST", "/api/workers/nobody/stop"), 403)


def test_a_member_changes_many_of_their_own_only(as_admin: Caller, as_member: Caller) -> None:
    theirs, mine = as_admin.create()["id"], [as_member.create()["id"] for _ in range(2)]
    chosen = as_member("POST", "/api/jobs/bulk/cancel", json={"ids": [theirs, mine[0]]}).get_json()
    assert (chosen["chosen"], chosen["ofOthers"], chosen["missing"], chosen["changed"]) == (1, 1, 0, 1)
    all_of_them = as_member("POST", "/api/jobs/bulk/cancel", json={"filter": {}}).get_json()
    assert (all_of_them["ofOthers"], all_of_them["changed"]) == (0, 1)
    assert as_admin.job(theirs)["status"] == "pending"
    owner = as_admin.job(theirs)["userId"]
    problem(as_member("POST", "/api/jobs/bulk/cancel", json={"filter": {"user": owner}}), 403)
    assert as_admin("POST", "/api/jobs/bulk/cancel", json={"filter": {}}).get_json()["changed"] == 1


def test_who_am_i(as_member: Caller, member: Actor, as_stranger: Caller) -> None:
    me = as_member("GET", "/api/me").get_json()
    assert (me["userId"], me["email"], me["role"]) == (str(member.user_id), "member@localhost", "member")
    assert me["rights"] == ["read", "create"]
    assert (me["organization"]["name"], me["organization"]["runsInstallation"]) == ("default", True)
    assert [(one["name"], one["role"], one["current"]) for one in me["organizations"]] == [("default", "member", True)]
    assert as_stranger("GET", "/api/me").get_json()["rights"] == ["read", "create", "change-jobs", "administer"]


def test_members_are_invited_changed_and_removed(as_admin: Caller, services: Services) -> None:
    made = as_admin("POST", "/api/members", json={"email": "ann@example.org", "role": "operator"})
    assert made.status_code == 201
    ann = made.get_json()
    assert (ann["role"], ann["ownAccount"]) == ("operator", True)
    secret = ann["loginUrl"].rpartition("/")[2]
    assert services.identity.redeem_login_secret(secret).role == "operator"
    taken = as_admin("POST", "/api/members", json={"email": "ann@example.org"})
    assert problem(taken, 422)["errors"][0]["field"] == "email"
    path = f"/api/members/{ann['userId']}"
    assert as_admin("PATCH", path, json={"role": "viewer"}).get_json()["role"] == "viewer"
    listed = {one["email"]: one["role"] for one in as_admin("GET", "/api/members").get_json()["members"]}
    assert listed == {"admin@localhost": "admin", "ann@example.org": "viewer"}
    assert as_admin("DELETE", path).status_code == 204
    problem(as_admin("DELETE", path), 404)
    again = as_admin("POST", "/api/members", json={"email": "ann@example.org"})
    assert (again.status_code, again.get_json()["userId"]) == (201, ann["userId"])


def test_an_account_of_others_is_not_taken_over(as_stranger: Caller, services: Services, member: Actor) -> None:
    said = problem(as_stranger("POST", "/api/members", json={"email": member.email}), 409)["detail"]
    assert "flask orgs add" in said
    assert [one.organization_id for one in services.memberships.of_user(member.user_id)] == [member.organization_id]


def test_the_last_administrator_stays(as_admin: Caller, admin: Actor, services: Services) -> None:
    path = f"/api/members/{admin.user_id}"
    for answer in (as_admin("DELETE", path), as_admin("PATCH", path, json={"role": "operator"})):
        assert "last administrator" in problem(answer, 409)["detail"]
    other = services.identity.create_user("second@localhost", role="admin")
    assert as_admin("PATCH", path, json={"role": "operator"}).status_code == 200
    problem(as_admin("DELETE", f"/api/members/{other.id}"), 403)


def test_a_membership_ends_with_its_tokens_and_the_jobs_stay(
    as_admin: Caller, as_member: Caller, member: Actor
) -> None:
    job_id = as_member.create()["id"]
    assert as_admin("DELETE", f"/api/members/{member.user_id}").status_code == 204
    problem(as_member("GET", "/api/me"), 401)
    assert as_admin.job(job_id)["userId"] == str(member.user_id)
    found = as_admin("GET", f"/api/jobs?user={member.email}").get_json()["jobs"]
    assert [job["id"] for job in found] == [job_id]


def test_a_role_holds_at_once(as_admin: Caller, as_member: Caller, member: Actor) -> None:
    as_member.create()
    as_admin("PATCH", f"/api/members/{member.user_id}", json={"role": "viewer"})
    problem(as_member("POST", "/api/jobs", json={"type": "echo", "data": {}}), 403)
