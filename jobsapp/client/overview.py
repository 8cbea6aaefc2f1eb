"""What there is: job types, queues, numbers."""

from __future__ import annotations

from jobsapp.client.base import Calls
from jobsapp.client.overview_answers import JobType, JobTypes, Queue, Queues, Stats


class OverviewCalls(Calls):
    """Calls about all of it."""

    def types(self) -> list[JobType]:
        """The job types, each with the JSON Schema of its input.

        Example:
            for job_type in client.types():
                print(job_type.type, sorted(job_type.input_schema["properties"]))
        """
        return [*self._ask(JobTypes, "api/types").types]

    def queues(self) -> list[Queue]:
        """The queues: what waits in them, who listens, whether they are paused.

        Example:
            print([queue.name for queue in client.queues() if queue.paused])
        """
        return [*self._ask(Queues, "api/queues").queues]

    def stats(self, *, organization: bool = False) -> Stats:
        """Numbers about one's own jobs, or all of the organisation's.

        Example:
            print(client.stats(organization=True).by_status["failed"])
        """
        return self._ask(Stats, "api/jobs/stats", params={"scope": "organization" if organization else "own"})
