"""What stands in the addresses of pages: of each organisation what it has, and what belongs to none."""

from __future__ import annotations

from uuid import UUID

import psycopg

from tests.fuzz.town import Household, Town

Ids = dict[str, dict[UUID | None, list[str]]]
"""By argument, or `blueprint.argument`, and organisation."""

KEPT = {
    "tokens.token_id": "SELECT id FROM api_tokens WHERE organization_id = %s",
    "batch_id": "SELECT id FROM batches WHERE organization_id = %s",
    "schedule_id": "SELECT id FROM schedules WHERE organization_id = %s",
    "browser": "SELECT id FROM login_sessions WHERE organization_id = %s",
    "channel_id": "SELECT id FROM notification_channels WHERE organization_id = %s",
    "rule_id": "SELECT id FROM notification_rules WHERE organization_id = %s",
    "delivery_id": "SELECT id FROM deliveries WHERE organization_id = %s",
    "identity": "SELECT i.id FROM user_identities i JOIN users u ON u.id = i.user_id WHERE u.home_id = %s",
}
COMMON = {
    "type_name": ["echo", "make-file", "data-conversion", "bulk-operation", "model-training"],
    "name": ["echo", "make-file", "hand", "fuzz"],
    "scope": ["queue", "type", "organization", "all", "queues"],
    "key": ["echo", "*", "make-file"],
    "filename": ["favicon.svg", "css/tokens.css", "../app.py", "js/live.js"],
    "secret": ["wrong", "jobsapp_wrong"],
    "link": ["wrong", "AaIXLPXbfTqOj8M1YxWaNH-F1SSeXVxvvoeHeUS_UAA", "=" * 44],
}


def addresses(town: Town, house: Household | None) -> Ids:
    """As it is now. Links that are a right by themselves are known to `house` alone."""
    found: Ids = {name: {None: values} for name, values in COMMON.items()}
    with psycopg.connect(town.settings.database_url) as connection:
        for one in town.households.values():
            for name, values in _of(one).items():
                found.setdefault(name, {})[one.id] = values
            for name, query in KEPT.items():
                rows = connection.execute(query, [one.id]).fetchall()
                found.setdefault(name, {})[one.id] = [str(row[0]) for row in rows]
    found["shared"] = {house.id: house.shares} if house else {}
    nowhere = str(UUID(int=0))
    return {name: {**parts, None: [*parts.get(None, []), nowhere]} for name, parts in found.items()}


def _of(house: Household) -> dict[str, list[str]]:
    texts = {
        "job_id": house.jobs,
        "file_id": house.files,
        "preset_id": house.presets,
        "token_id": house.tokens,
        "user_id": house.users,
        "organization_id": [house.id],
        "key": [house.id],
    }
    return {name: [str(one) for one in values] for name, values in texts.items()}
