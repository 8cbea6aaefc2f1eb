"""What a change of many jobs does and did, in sentences with the numbers in them."""

from __future__ import annotations

from dataclasses import dataclass

from jobsapp.services.many_changes import MOST, Action, ManyView

DONE: dict[Action, str] = {"cancel": "cancelled", "retry": "put back to the queue", "delete": "deleted"}
STATES = {
    "pending": "are waiting",
    "active": "are running",
    "stopping": "are stopping already",
    "completed": "are completed",
    "failed": "have failed",
    "cancelled": "are cancelled",
}
ONE = {"are": "is", "have": "has"}


@dataclass(frozen=True)
class Outlook:
    """What a person reads before they agree. `button` is empty if there is nothing to agree to."""

    title: str
    applies: str
    others: str
    button: str


def counted(number: int, is_more: bool = False) -> str:
    """`1 job`, `137 jobs`, `more than 10,000 jobs`; short of the bound but not all looked at: `at least 137 jobs`."""
    noun = "job" if number == 1 and not is_more else "jobs"
    words = f"{number:,} {noun}"
    if not is_more:
        return words
    return f"more than {words}" if number >= MOST else f"at least {words}"


def outlook(view: ManyView) -> Outlook:
    jobs = counted(view.applicable, view.applicable_is_more)
    verb = {"cancel": "Cancel", "retry": "Retry", "delete": "Delete"}[view.action]
    now = min(view.applicable, MOST)
    if not view.applicable:
        return Outlook(
            f"No job to {view.action}",
            f"None of {counted(view.chosen, view.chosen_is_more)} can be {_participle(view.action)}.",
            others(view),
            "",
        )
    whole = counted(view.chosen, view.chosen_is_more)
    applies = f"{view.applicable:,} of {whole} can be {_participle(view.action)}."
    if view.applicable_is_more:
        applies = f"{jobs[0].upper()}{jobs[1:]} can be {_participle(view.action)}, {MOST:,} at a time."
    return Outlook(f"{verb} {jobs}?", applies, others(view), f"{verb} {counted(now)}")


def others(view: ManyView) -> str:
    """Why it does not apply to the rest: `63 are completed, 2 are running.`."""
    told = [f"{number:,} {_agree(STATES[state], number)}" for state, number in view.others.items()]
    if view.of_others:
        told.append(f"{view.of_others:,} {_agree('are of others', view.of_others)}, which takes the role operator")
    if view.missing:
        told.append(f"{view.missing:,} {_agree('are no longer here', view.missing)}")
    return f"{', '.join(told)}.".capitalize() if told else ""


def result(view: ManyView) -> str:
    """What came of it: `137 jobs cancelled. 2 changed meanwhile.`"""
    told = [f"{counted(view.changed)} {DONE[view.action]}."]
    if view.action == "delete" and view.applicable > view.changed:
        kept = view.applicable - view.changed
        told.append(f"{kept:,} {_agree('are', kept)} still needed by an unfinished job, or changed meanwhile.")
    elif view.applicable > view.changed:
        told.append(f"{view.applicable - view.changed:,} changed meanwhile.")
    if rest := others(view):
        told.append(f"Left as they are: {rest}")
    if view.left:
        told.append(f"{counted(view.left, view.left >= MOST)} left; do it again for those.".capitalize())
    return " ".join(told)


def _participle(action: Action) -> str:
    return {"cancel": "cancelled", "retry": "retried", "delete": "deleted"}[action]


def _agree(words: str, number: int) -> str:
    first, _, rest = words.partition(" ")
    return f"{ONE[first]} {rest}".rstrip() if number == 1 else words
