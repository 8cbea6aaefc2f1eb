"""The application that `flask` and gunicorn load."""

import sys

from jobsapp import create_app
from jobsapp.errors import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"jobsapp: {error}")
