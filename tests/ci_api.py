"""A CI's API on loopback, a real HTTP server: GitHub's and GitLab's paths, and a token that is needed."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from orchestrator.ci_jobs import CiJob

TOKEN = "ghs_very-secret-token"
GITHUB_PATH = "/repos/acme/orders/actions/runs/77/attempts/2"
GITLAB_PATH = "/projects/12/jobs/99"


class Ci:
    """A CI's API on loopback: what it answers, and what it was asked with."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        ci = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                ci.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                status, body = ci.answers.get(self.path, (404, {"message": "Not Found"}))
                if {"bearer " + TOKEN, TOKEN}.isdisjoint(
                    {self.headers.get("Authorization", "").replace("B", "b"), self.headers.get("PRIVATE-TOKEN", "")}
                ):
                    status, body = 401, {"message": "Bad credentials"}
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 301:
                    self.send_header("Location", f"{ci.url}/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def github(self, **changes: Any) -> CiJob:
        job = CiJob(system="github", api=self.url, project="acme/orders", run=77, attempt=2)
        return job.model_copy(update=changes)

    def gitlab(self, **changes: Any) -> CiJob:
        return CiJob(system="gitlab", api=self.url, project="12", run=99).model_copy(update=changes)

    @property
    def variables(self) -> dict[str, str]:
        """What whoever runs the reaper sets."""
        return {
            "GITHUB_API_URL": self.url,
            "CI_API_V4_URL": self.url,
            "GITHUB_TOKEN": TOKEN,
            "GITLAB_TOKEN": TOKEN,
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
