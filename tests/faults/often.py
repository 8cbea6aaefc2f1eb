"""Named in JOBSAPP_PROCESSORS by a test: a worker that loads it has conversions save often."""

from jobsapp.processors.data_conversion import kept

kept.SECONDS = 0.2
