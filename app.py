"""The application that `flask` and gunicorn load."""

import sys

from jobsapp import create_app
from jobsapp.cli import light
from jobsapp.errors import ConfigError

try:
    app = light.find_app(create_app) or create_app()
except ConfigError as error:
    sys.exit(f"jobsapp: {error}")
