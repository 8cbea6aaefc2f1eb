"""Which rule decides, and what it leaves to the others."""

from __future__ import annotations

from itertools import combinations, product

from jobsapp.core.retention import FINISHED, JOBS, UPLOADS, Rule, reach, winner, with_default

TYPES = ("a", "b")
KEYS = [(job_type, status) for job_type in ("", "a") for status in ("", "failed", "completed")]


def decides(rule: Rule, rules: list[Rule], job_type: str, status: str) -> bool:
    """As the statement of the walk has it."""
    found = reach(rule, rules)
    fits = rule.type in ("", job_type) and status in found.statuses
    return fits and f"{status}/{job_type}" not in found.others


def test_each_job_is_decided_on_by_the_most_specific_rule_and_no_other() -> None:
    for number in range(len(KEYS) + 1):
        for chosen in combinations(KEYS, number):
            rules = [Rule(JOBS, *key, days=1) for key in chosen] + [Rule(UPLOADS, days=1)]
            for job_type, status in product(TYPES, FINISHED):
                deciding = [rule for rule in rules if rule.scope == JOBS and decides(rule, rules, job_type, status)]
                won = winner(rules, job_type, status)
                assert deciding == ([won] if won else []), (chosen, job_type, status)


def test_a_type_goes_before_a_state() -> None:
    typed, stated, all_of_them = Rule(JOBS, "a"), Rule(JOBS, "", "failed"), Rule(JOBS)
    both = Rule(JOBS, "a", "failed")
    assert winner([all_of_them, stated, typed, both], "a", "failed") == both
    assert winner([all_of_them, stated, typed], "a", "failed") == typed
    assert winner([all_of_them, stated], "a", "failed") == stated
    assert winner([all_of_them], "a", "failed") == all_of_them
    assert winner([typed], "b", "failed") is None


def test_the_installation_speaks_where_the_organisation_does_not() -> None:
    assert with_default([], 0) == []
    assert with_default([], 30) == [Rule(JOBS, days=30), Rule(UPLOADS, days=30)]
    for_ever = Rule(JOBS)
    assert with_default([for_ever], 30) == [for_ever, Rule(UPLOADS, days=30)]
    typed = Rule(JOBS, "a", days=5)
    assert with_default([typed], 30)[0] == typed
    assert Rule(JOBS, days=30) in with_default([typed], 30)
