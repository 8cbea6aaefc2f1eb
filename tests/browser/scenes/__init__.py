"""Every page with something on it: for tests that hold for all of them, and for the pictures.

A new page is one more line in `SCENES` of the module of its area. If it needs something to show, the area's `set_up`
makes it and gives its id as a field of `Jobs`. A page that has no scene fails `test_no_page_is_forgotten`.
"""

from __future__ import annotations

from tests.browser.product import Product
from tests.browser.scenes import (
    batches,
    forms,
    jobs,
    notifications,
    people,
    queues,
    retention,
    schedules,
    tokens,
    workflows,
)
from tests.browser.scenes.parts import PARTS, page_endpoints
from tests.browser.scenes.people import PASSWORD
from tests.browser.scenes.scene import NEWCOMER, Jobs, Made, Scene, Visitor, settle

__all__ = [
    "NEWCOMER",
    "PAGES",
    "PARTS",
    "PASSWORD",
    "SCENES",
    "Jobs",
    "Scene",
    "Visitor",
    "page_endpoints",
    "set_the_stage",
    "settle",
]

AREAS = (jobs, forms, batches, queues, schedules, retention, notifications, tokens, workflows, people)
# Lists show what was made last first: jobs after the workflows, and what belongs to jobs after them.
STAGED = (workflows, jobs, tokens, schedules, notifications, batches, queues, people, retention)

SCENES = tuple(scene for area in AREAS for scene in area.SCENES)
"""All pages, with the states they can be in. In an address `{failed}` is the id of the job in that state."""
PAGES = tuple({scene.endpoint or scene.name: scene for scene in reversed(SCENES)}.values())[::-1]
"""Each page in one state only, for what does not depend on it."""


def set_the_stage(product: Product) -> Jobs:
    """A job in each state, a paused queue, one where nobody works, and somebody who has nothing yet."""
    made: Made = {}
    for area in STAGED:
        made |= area.set_up(product, made)
    return Jobs(**made)
