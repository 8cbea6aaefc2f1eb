"""The deliverer is cut off at each of its statements: each message arrives, under one id."""

from __future__ import annotations

from datetime import timedelta

from jobsapp.core.actors import Actor
from jobsapp.runtime.deliverer import LEASE, Deliverer
from jobsapp.runtime.house import House
from jobsapp.store.connect import connect
from tests.notifications.conftest import Post
from tests.notifications.receivers import Endpoint
from tests.runtime.killer import Killer

VICTIM = "test victim"


def test_each_message_arrives_under_one_id(post: Post, member: Actor, endpoint: Endpoint, house: House) -> None:
    post.webhook(member, endpoint.url)
    for _ in range(2):
        post.end(member)
    post.absorb()
    deliverer, now, sent = Deliverer(house), post.now(), 0

    def step() -> None:
        nonlocal now, sent
        # Who is cut off keeps the channel until its lease is over.
        now += LEASE * 2
        with connect(house.settings.database_url, VICTIM) as connection:
            sent = deliverer.step(connection, now)

    with Killer(VICTIM).at_work() as killer:
        killer.everywhere(step)
    step()
    assert sent == 0
    made = {f"msg_{row[0]}" for row in post.connection.execute("SELECT id FROM deliveries")}
    assert {one.headers["webhook-id"] for one in endpoint.requests} == made
    states = post.connection.execute("SELECT state, count(*) FROM deliveries GROUP BY 1").fetchall()
    assert states == [("delivered", 2)]
    assert post.send(now + timedelta(days=2)) == 0
    assert killer.kills >= 5
