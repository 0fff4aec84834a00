"""One run of Apache's Java client: configuration through standard input, one line back for each way to authenticate."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.access import Access
from contracts.model import ProbeError, Watch
from orchestrator.environment import Principal
from orchestrator.java_client_versions import JavaClient

_CALLBACKS = "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler"
_SECURITY = "org.apache.kafka.common.security"
#: Nothing of the caller's (credentials, JAVA_TOOL_OPTIONS) reaches the client.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
#: Seconds of the probe's time that are left for ending the JVM and reading its answer.
_RESERVE_S = 3.0


@dataclass(frozen=True)
class ClientRun:
    """What one client did in one case.

    Attributes:
        version: as the client states it.
        acked: records that the brokers acknowledged.
        consumed: records that came back.
        produce_ms: from the producer's making to the last acknowledgement.
        consume_ms: from the consumer's making to the commit.
        error: the innermost exception's class; empty when all went well.
        message: its message.
    """

    version: str
    acked: int
    consumed: int
    produce_ms: int = 0
    consume_ms: int = 0
    error: str = ""
    message: str = ""


def parse_runs(text: str) -> dict[str, ClientRun]:
    """Read the program's answers by case; lines of another form are passed over."""
    runs = {}
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) == 8 and all(part.isdigit() for part in parts[2:6]):
            error, message = (base64.b64decode(part).decode() for part in parts[6:])
            acked, consumed, produce_ms, consume_ms = map(int, parts[2:6])
            runs[parts[0]] = ClientRun(parts[1], acked, consumed, produce_ms, consume_ms, error, message)
    return runs


def render_cases(cases: Mapping[str, Mapping[str, str]]) -> str:
    """Write cases as the program reads them."""
    return "".join(
        f"{case}\t{key}\t{base64.b64encode(value.encode()).decode()}\n"
        for case, settings in cases.items()
        for key, value in settings.items()
    )


def client_properties(access: Access, principal: Principal, watch: Watch) -> dict[str, str]:
    """Return a principal's properties of the Java client, without any file: PEM text and passwords in place."""
    cluster = access.environment.cluster
    config = {
        "bootstrap.servers": cluster.bootstrap[principal.auth],
        "client.id": f"ephk-{principal.name}",
        "security.protocol": "SSL" if principal.auth == "mtls" else "SASL_SSL",
    }
    if cluster.ca_pem is not None:
        config |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": cluster.ca_pem}
    if principal.auth == "mtls":
        pair = access.credentials.certificate(access.common_name(principal), watch)
        config |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.key": pair.key_pem,
            "ssl.keystore.certificate.chain": pair.certificate_pem,
        }
    elif principal.auth == "scram":
        secret = access.credentials.scram(principal, watch)
        user, password = (part.replace("\\", "\\\\").replace('"', '\\"') for part in (secret.username, secret.password))
        config["sasl.mechanism"] = "SCRAM-SHA-512"
        config["sasl.jaas.config"] = (
            f'{_SECURITY}.scram.ScramLoginModule required username="{user}" password="{password}";'
        )
    else:
        config |= {
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.jaas.config": f"{_SECURITY}.oauthbearer.OAuthBearerLoginModule required;",
            "sasl.login.callback.handler.class": _CALLBACKS,
            "sasl.client.callback.handler.class": _CALLBACKS,
        }
    return config


def role_properties(access: Access, principal: Principal, watch: Watch) -> dict[str, str]:
    """Return the system properties by which the AWS SDK finds a role's credentials."""
    keys = access.credentials.role(principal.role_arn or "", watch).credentials
    if keys is None:
        raise ProbeError(f"role {principal.role_arn} gave no credentials")
    return {
        "aws.region": access.environment.cloud.region,
        "aws.accessKeyId": keys.access_key_id,
        "aws.secretAccessKey": keys.secret_access_key,
        "aws.sessionToken": keys.session_token or "",
    }


def run_java(client: JavaClient, cases: Mapping[str, Mapping[str, str]], watch: Watch) -> dict[str, ClientRun]:
    """Run a client and return what it did in each case; its process group is gone afterwards.

    Raises:
        ProbeError: the JVM gave no answer in time, or none that can be read.
    """
    time_s = watch.remaining() - _RESERVE_S
    if time_s <= 0:
        raise ProbeError("no time is left for a JVM")
    limits = {"ephk.deadline.ms": str(int(time_s * 1000))}
    told = {case: dict(given) | ({} if case == "system" else limits) for case, given in cases.items()}
    process = subprocess.Popen(
        client.command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the client's own log; what went wrong is in the answer
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        cwd="/",
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(render_cases(told), timeout=watch.remaining(time_s + _RESERVE_S / 2))
    except subprocess.TimeoutExpired:
        raise ProbeError(f"the Java client {client.version} gave no answer in time") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    runs = parse_runs(output)
    if not runs:
        raise ProbeError(f"the Java client {client.version} ended with status {process.returncode} and no answer")
    return runs
