"""A site of your own that shows jobs of jobsapp in its pages.

JOBSAPP_URL=http://127.0.0.1:8000 JOBSAPP_TOKEN=… flask --app examples/embedding/app.py run --port 5000
"""

import json
import os
from urllib.request import Request, urlopen

from flask import Flask, render_template

SERVER = os.environ["JOBSAPP_URL"]
app = Flask(__name__)


def jobsapp(path: str, body: dict) -> dict:
    """Ask jobsapp with the site's own token, which never leaves this server."""
    headers = {"Authorization": f"Bearer {os.environ['JOBSAPP_TOKEN']}", "Content-Type": "application/json"}
    with urlopen(Request(SERVER + path, json.dumps(body).encode(), headers)) as answer:
        return json.load(answer)


@app.get("/show/<uuid:job_id>")
def show(job_id):
    # Here you would ask whether this visitor may see this job.
    return render_template("show.html", server=SERVER, job_id=job_id, token=token(job_id))


@app.get("/token/<uuid:job_id>")
def token(job_id) -> str:
    """For one job, reading only, for an hour. Pages ask for another when it has ended."""
    return jobsapp(f"/api/jobs/{job_id}/tokens", {"kind": "embed"})["token"]


@app.after_request
def strict(response):
    """All that the element needs of your content security policy: the script, and connections to the server."""
    connect = f"'self' {SERVER} {SERVER.replace('http', 'ws', 1)}"
    policy = f"default-src 'none'; script-src 'self' {SERVER}; connect-src {connect}; style-src 'self'; img-src data:"
    response.headers["Content-Security-Policy"] = policy + "; require-trusted-types-for 'script'"
    return response
