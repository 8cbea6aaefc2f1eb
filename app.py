"""The application that `flask` and gunicorn load."""

import gc
import sys

from jobsapp import create_app
from jobsapp.cli import light
from jobsapp.errors import ConfigError

# What is loaded stays: to look through it for garbage again and again is a sixth of a process's start.
gc.disable()
try:
    app = light.find_app(create_app) or create_app()
except ConfigError as error:
    sys.exit(f"jobsapp: {error}")
finally:
    gc.enable()
gc.freeze()
