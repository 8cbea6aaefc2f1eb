"""Many jobs at once: those with given ids, or all that match a filter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack
from uuid import UUID

import msgspec

from jobsapp.client.answers import Job, ManyChanged
from jobsapp.client.base import Calls
from jobsapp.client.requests import Filter, filter_fields, id_of
from jobsapp.client.retries import Repeat

Ids = Iterable[Job | UUID | str]


class ManyCalls(Calls):
    """Calls that change many jobs. One request changes up to 10,000: they are repeated until nothing is left.

    Without `ids` and without a filter they refuse, unless `everything` is said.
    """

    def cancel_many(
        self,
        ids: Ids | None = None,
        *,
        reason: str | None = None,
        dry_run: bool = False,
        everything: bool = False,
        **wanted: Unpack[Filter],
    ) -> ManyChanged:
        """Cancel pending jobs at once and ask active ones to stop. `dry_run`: only count them.

        Example:
            print(client.cancel_many(type="data-conversion", status="pending", dry_run=True).applicable)
            print(client.cancel_many(type="data-conversion", status="pending", reason="wrong file").changed)
        """
        body = {} if reason is None else {"reason": reason}
        return self._change("cancel", body | _chosen(ids, wanted, everything), dry_run)

    def retry_many(
        self, ids: Ids | None = None, *, dry_run: bool = False, everything: bool = False, **wanted: Unpack[Filter]
    ) -> ManyChanged:
        """Put failed and cancelled jobs back to pending, with a fresh allowance of attempts.

        Example:
            print(client.retry_many(status="failed", created_after=yesterday).changed)
        """
        return self._change("retry", _chosen(ids, wanted, everything), dry_run)

    def delete_many(
        self, ids: Ids | None = None, *, dry_run: bool = False, everything: bool = False, **wanted: Unpack[Filter]
    ) -> ManyChanged:
        """Delete finished jobs with their files; for administrators.

        Example:
            print(client.delete_many(status="cancelled", created_before=yesterday).changed)
        """
        return self._change("delete", _chosen(ids, wanted, everything), dry_run)

    def _change(self, action: str, body: dict[str, Any], dry_run: bool) -> ManyChanged:
        changed = 0
        while True:
            said = body | {"dryRun": dry_run}
            told = self._tell(ManyChanged, "POST", f"api/jobs/bulk/{action}", said, repeat=Repeat.UNDONE)
            changed += told.changed
            if dry_run or not told.left or not told.changed:
                return msgspec.structs.replace(told, changed=changed)


def _chosen(ids: Ids | None, wanted: Filter, everything: bool) -> dict[str, Any]:
    fields = filter_fields(wanted)
    if ids is not None:
        if fields or everything:
            raise ValueError("Give ids or a filter, not both.")
        return {"ids": [str(id_of(one)) for one in ids]}
    if not fields and not everything:
        raise ValueError("Give ids or a filter; for all jobs of the organisation say everything=True.")
    return {"filter": fields}
