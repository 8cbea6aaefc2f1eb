"""The words of an organisation's notifications."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from jobsapp.core.actors import Actor
from jobsapp.core.audit import Action
from jobsapp.core.rights import Right
from jobsapp.core.storable import refuse_faults
from jobsapp.models import NotificationTemplate
from jobsapp.services.audit import Audit
from jobsapp.services.base import View
from jobsapp.services.sessions import DbSession
from jobsapp.services.wording import DEFAULTS, SAMPLES, Words, check_words


class WordsView(View):
    """Templates of subject and text, of a message of one job and of many. Null: those that come with jobsapp."""

    subject: str | None
    text: str | None
    digest_subject: str | None
    digest_text: str | None
    defaults: dict[str, str]
    """Those that come with jobsapp."""


class NotificationWords:
    def __init__(self, session: DbSession) -> None:
        self._session = session
        self._audit = Audit(session)

    def get(self, actor: Actor) -> WordsView:
        return _view(self._words(actor))

    def set(self, actor: Actor, words: Words) -> WordsView:
        """Set the organisation's templates, and commit. Raises InvalidInput naming each that is wrong."""
        actor.require(Right.CHANGE_JOBS, "change the words of notifications")
        refuse_faults(**vars(words))
        check_words(words)
        values = {**vars(words), "updated_at": func.now()}
        statement = insert(NotificationTemplate).values(organization_id=actor.organization_id, **values)
        self._session.execute(statement.on_conflict_do_update(index_elements=["organization_id"], set_=values))
        self._audit.note(actor, Action.NOTIFICATION_WORDS_CHANGED)
        self._session.commit()
        return self.get(actor)

    def sample(self, words: Words, *, digest: bool) -> tuple[str, str]:
        """Subject and text of a message about an example."""
        return words.said(SAMPLES["digest" if digest else "single"], digest=digest)

    def _words(self, actor: Actor) -> Words:
        row = NotificationTemplate
        query = select(row).where(row.organization_id == actor.organization_id)
        found = self._session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if found is None:
            return Words()
        return Words(found.subject, found.text, found.digest_subject, found.digest_text)


def _view(words: Words) -> WordsView:
    return WordsView.model_validate({**vars(words), "defaults": DEFAULTS})
