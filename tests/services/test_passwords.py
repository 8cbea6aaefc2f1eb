"""Passwords and the throttle before them: what is kept, what is refused, and that nobody learns who is a user."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from flask import Flask
from redis import Redis

from jobsapp import create_app
from jobsapp.bus import connection as redis_connection
from jobsapp.bus.guard import Guard
from jobsapp.bus.hints import LOGINS
from jobsapp.bus.windows import Windows
from jobsapp.config import Settings
from jobsapp.core.actors import Actor
from jobsapp.core.passwords import LONGEST_BYTES, fault
from jobsapp.errors import InvalidInput, NotSignedIn, TooManyTries
from jobsapp.extensions import db
from jobsapp.models import LoginSession, UserPassword
from jobsapp.services import Services
from jobsapp.services.passwords import AT_ONCE, DUMMY, WRONG, Passwords
from jobsapp.services.throttle import BY_ADDRESS, BY_EMAIL, Throttle, network

GOOD = "nine green bottles"
HERE, THERE = "192.0.2.1", "198.51.100.7"


class CountingHasher(PasswordHasher):
    """The library's own, which says how often it was asked."""

    def __init__(self, **parameters: int) -> None:
        super().__init__(**parameters)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.verified.append(str(hash))
        return super().verify(hash, password)

    __slots__ = ["verified"]


def with_hasher(services: Services, hasher: PasswordHasher | None = None) -> Passwords:
    return Passwords(db.session, services.jobs._hints, services.identity, services.throttle, hasher)


def kept(actor: Actor) -> str:
    db.session.expire_all()
    row = db.session.get(UserPassword, actor.user_id)
    assert row is not None
    return row.hash


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("eleven char", "at least 12"),
        ("é" * 11, "at least 12"),
        ("ab12" * 257, "at most 1,024 bytes"),
        ("Anna.Miller@Example.org", "e-mail address"),
        ("Anna-Bert.Miller", "e-mail address"),
        ("aaaaaaaaaaaaaaaa", "tried first"),
        ("passwordpassword", "tried first"),
        ("PasswordPassword", "tried first"),
        ("password2026!", "tried first"),
        ("1q2w3e4r5t6y", "tried first"),
        ("123456789012", "tried first"),
    ],
)
def test_a_password_that_is_refused(password: str, says: str) -> None:
    email = "anna.miller@example.org" if "@" in password else "anna-bert.miller@example.org"
    found = fault(password, email)
    assert found is not None
    assert says in found


@pytest.mark.parametrize(
    "password", [GOOD, "correct battery", "x" * 4 + "y1z2" * 255, "пароль из слов", "👍🏽🐎🔋📎 staples"]
)
def test_a_password_that_is_taken(password: str) -> None:
    assert fault(password, "anna@example.org") is None


def test_kept_as_argon2id_with_the_parameters_of_the_library(settings: Settings, member: Actor) -> None:
    # The product's own application: that of the tests hashes cheaply.
    services: Services = create_app(settings).extensions["jobsapp"]
    services.passwords.set(member.email, GOOD)
    assert GOOD not in kept(member)
    parameters = extract_parameters(kept(member))
    assert parameters.type is Type.ID
    assert not PasswordHasher().check_needs_rehash(kept(member))
    assert services.passwords.check(member.email, GOOD, HERE).user_id == member.user_id


def test_what_stands_for_nobody_has_the_same_parameters() -> None:
    assert not PasswordHasher().check_needs_rehash(DUMMY)


def test_whoever_it_is_one_hash_is_compared(services: Services, admin: Actor, member: Actor) -> None:
    hasher = CountingHasher()
    passwords = with_hasher(services, hasher)
    passwords.set(member.email, GOOD)
    tries = {
        "a wrong password": (member.email, "another password"),
        "no password": (admin.email, "another password"),
        "nobody": ("nobody@localhost", "another password"),
        "too long": (member.email, "x" * (LONGEST_BYTES + 1)),
        "what cannot be kept": (member.email, "\0 and so on, and on"),
        "no address": ("", ""),
    }
    for what, (email, password) in tries.items():
        hasher.verified.clear()
        with pytest.raises(NotSignedIn) as told:
            passwords.check(email, password, HERE)
        assert told.value.detail == WRONG, what
        assert len(hasher.verified) == 1, what
        assert extract_parameters(hasher.verified[0]) == extract_parameters(DUMMY), what
    hasher.verified.clear()
    assert passwords.check(member.email, GOOD, HERE) == member
    assert len(hasher.verified) == 1


def test_few_are_compared_at_once(app: Flask, services: Services, member: Actor) -> None:
    """Each takes 64 MiB."""
    running, most, lock = 0, 0, Lock()

    class Slow(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
            nonlocal running, most
            with lock:
                running, most = running + 1, max(most, running + 1)
            try:
                return super().verify(hash, password)
            finally:
                with lock:
                    running -= 1

    passwords = with_hasher(services, Slow())
    passwords.set(member.email, GOOD)

    def check(number: int) -> bool:
        with app.app_context():
            return passwords.check(member.email, GOOD, f"192.0.2.{number}") == member

    with ThreadPoolExecutor(2 * AT_ONCE) as pool:
        assert all(pool.map(check, range(2 * AT_ONCE)))
    assert 1 < most <= AT_ONCE


def test_the_letters_count_not_how_a_keyboard_writes_them(services: Services, member: Actor) -> None:
    composed, decomposed = "caf\u00e9 du matin, caf\u00e9 du soir", "cafe\u0301 du matin, cafe\u0301 du soir"
    services.passwords.set(member.email, composed)
    assert services.passwords.check("  MEMBER@localhost ", decomposed, HERE) == member


def test_hashed_anew_when_the_parameters_change(services: Services, member: Actor) -> None:
    old = with_hasher(services, PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    old.set(member.email, GOOD)
    before, at = kept(member), old.changed_at(member)
    new = with_hasher(services)
    with pytest.raises(NotSignedIn):
        new.check(member.email, "another password", HERE)
    assert kept(member) == before
    new.check(member.email, GOOD, HERE)
    assert not PasswordHasher().check_needs_rehash(kept(member))
    assert old.changed_at(member) == at
    assert new.check(member.email, GOOD, HERE) == member


def test_a_change_needs_the_old_one_and_ends_all_sessions(services: Services, member: Actor, admin: Actor) -> None:
    def signed_in() -> int:
        return db.session.query(LoginSession).filter_by(user_id=member.user_id).count()

    passwords = services.passwords
    services.logins.start(admin)
    services.logins.start(member)
    passwords.change(member, old="", new=GOOD, address=HERE)
    assert signed_in() == 0
    services.logins.start(member)
    for old in ("", "another password"):
        with pytest.raises(InvalidInput, match="old: is not your password"):
            passwords.change(member, old=old, new="ten green bottles", address=HERE)
    with pytest.raises(InvalidInput, match="new: must have at least 12"):
        passwords.change(member, old=GOOD, new="short", address=HERE)
    assert signed_in() == 1
    passwords.change(member, old=GOOD, new="ten green bottles", address=HERE)
    assert signed_in() == 0
    assert passwords.check(member.email, "ten green bottles", HERE) == member
    assert db.session.query(LoginSession).filter_by(user_id=admin.user_id).count() == 1


def test_open_sockets_hear_of_it(services: Services, settings: Settings, member: Actor) -> None:
    with Redis.from_url(settings.redis_url) as redis, redis.pubsub() as listener:
        listener.subscribe(LOGINS)
        assert listener.get_message(timeout=10) is not None
        services.passwords.set(member.email, GOOD)
        message = listener.get_message(timeout=10)
    assert message is not None
    assert message["data"].decode() == str(member.user_id)


@pytest.fixture(params=["with Redis", "without Redis"])
def throttle(request: pytest.FixtureRequest, services: Services) -> Throttle:
    if request.param == "with Redis":
        return services.throttle
    return Throttle(Windows(redis_connection.looks("redis://127.0.0.1:1"), Guard()))


def guess(throttle: Throttle, address: str, email: str = "") -> None:
    with pytest.raises(NotSignedIn), throttle.attempt(address, email):
        raise NotSignedIn("wrong")


def wait(throttle: Throttle, address: str, email: str = "") -> int:
    try:
        with throttle.attempt(address, email):
            return 0
    except TooManyTries as error:
        return error.retry_after if "Try again in" in error.detail else -1


def test_guessing_at_an_account_from_everywhere(throttle: Throttle) -> None:
    with throttle.attempt("192.0.2.99", "anna@x.org"):
        pass
    for number in range(BY_EMAIL.amount):
        guess(throttle, f"203.0.113.{number}", "Anna@x.org ")
    # Nobody else gets a try at it for a minute at most, wherever they are; its owner does where they have been before.
    assert 0 < wait(throttle, THERE, "anna@x.org") <= 60
    assert wait(throttle, "192.0.2.99", "anna@x.org") == 0
    assert wait(throttle, THERE, "bert@x.org") == 0
    # And by link.
    assert wait(throttle, THERE) == 0


def test_who_is_at_home_has_no_more_tries(throttle: Throttle) -> None:
    with throttle.attempt(HERE, "anna@x.org"):
        pass
    for _ in range(BY_EMAIL.amount):
        guess(throttle, HERE, "anna@x.org")
    assert 0 < wait(throttle, HERE, "anna@x.org") <= 60
    assert wait(throttle, THERE, "anna@x.org") == 0


def test_guessing_at_all_accounts_from_one_address(throttle: Throttle) -> None:
    for number in range(BY_ADDRESS.amount):
        guess(throttle, HERE, f"user{number}@x.org" if number % 2 else "")
    assert 0 < wait(throttle, HERE, "anna@x.org") <= 300
    assert 0 < wait(throttle, HERE) <= 300
    assert wait(throttle, THERE, "anna@x.org") == 0


def test_a_try_that_succeeds_costs_nothing(throttle: Throttle) -> None:
    for _ in range(BY_ADDRESS.amount + 5):
        assert wait(throttle, HERE, "anna@x.org") == 0


def test_too_many_tries_are_not_compared_at_all(services: Services, member: Actor) -> None:
    services.passwords.set(member.email, GOOD)
    for _ in range(BY_EMAIL.amount):
        guess(services.throttle, HERE, member.email)
    with pytest.raises(TooManyTries):
        services.passwords.check(member.email, GOOD, HERE)
    with pytest.raises(TooManyTries):
        services.passwords.change(member, old=GOOD, new="ten green bottles", address=HERE)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::"),
        ("2001:db8:1:3::2", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_whom_an_address_stands_for(address: str, counted: str) -> None:
    assert network(address) == counted
