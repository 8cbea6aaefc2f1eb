"""Shifts the clock of a Python process by WRONG_CLOCK_SECONDS: put this folder first in PYTHONPATH.

Python imports a module of this name before anything else, so no module has the true functions yet. `datetime` is a
type of C, so its methods are replaced in the type's own dictionary. What reads the time in C (libpq, hiredis, the
kernel's file times) sees the true clock; CLOCK_MONOTONIC stays, as it does when a clock is set.
"""

import ctypes
import datetime
import gc
import os
import time

SECONDS = float(os.environ.get("WRONG_CLOCK_SECONDS", "0"))

_time, _time_ns, _gmtime, _localtime = time.time, time.time_ns, time.gmtime, time.localtime


def now(cls, tz=None):
    return cls.fromtimestamp(_time() + SECONDS, tz)


def utcnow(cls):
    return cls.fromtimestamp(_time() + SECONDS, datetime.UTC).replace(tzinfo=None)


class Broken:
    """A function of C that breaks seconds down. An object, because one of Python would become a method in a class."""

    def __init__(self, function):
        self._function = function

    def __call__(self, seconds=None):
        return self._function(time.time() if seconds is None else seconds)


def _replace(type_, **methods):
    (own,) = gc.get_referents(type_.__dict__)
    for name, method in methods.items():
        own[name] = classmethod(method)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(type_))


if SECONDS:
    time.time = lambda: _time() + SECONDS
    time.time_ns = lambda: _time_ns() + int(SECONDS * 1e9)
    time.gmtime, time.localtime = Broken(_gmtime), Broken(_localtime)
    _replace(datetime.datetime, now=now, utcnow=utcnow)
