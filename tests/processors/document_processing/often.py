"""Named in JOBSAPP_PROCESSORS by a test: a worker that loads it saves often, and little at a time."""

from jobsapp.processors.document_processing import embed, kept, searchable

kept.SECONDS = 0.2
embed.GROUP = embed.BATCH = 4
searchable.BATCH = 5
