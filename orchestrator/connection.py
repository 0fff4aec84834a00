"""How clients connect: files for Java, librdkafka (kcat too), shells and programs, usable as they are."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from orchestrator.environment import Environment, Mechanism, Principal
from orchestrator.errors import UsageError
from orchestrator.kafka_clients import SASL_MECHANISM, SECURITY_PROTOCOL, operator, session_name

Format = Literal["dotenv", "java", "librdkafka", "json"]


@dataclass(frozen=True)
class Secrets:
    """What one principal proves itself with. Its repr shows nothing.

    Attributes:
        username: SCRAM user name.
        password: SCRAM password.
        certificate: path of the client certificate (PEM).
        key: path of the client key (PEM, PKCS8).
        keystore: path of key, certificate and chain in one file, as Java wants them.
        aws_keys: access key id and secret with which an IAM principal's role is assumed; None where the caller's own
            AWS configuration does that.
    """

    username: str | None = None
    password: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    keystore: Path | None = None
    aws_keys: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return "Secrets(...)"


@dataclass(frozen=True)
class ConnectLogin:
    """How the REST interface behind `Environment.connect_url` is used. Its repr shows nothing.

    Attributes:
        username: its user.
        password: the user's password.
        ca_file: the CA of its certificate; None means the system's trust store.
    """

    username: str
    password: str
    ca_file: Path | None

    def __repr__(self) -> str:
        return "ConnectLogin(...)"


@dataclass(frozen=True)
class RegistryAccess:
    """The way into the environment's schema registry. Its repr shows no secret.

    Attributes:
        url: the base URL.
        ca_file: the CA that signs its certificate; None means the system's trust store.
        user_info: `user:password`; None when it asks for nobody.
    """

    url: str
    ca_file: Path | None = None
    user_info: str | None = field(default=None, repr=False)

    def variables(self) -> dict[str, str]:
        """Return environment variables."""
        values = {
            "SCHEMA_REGISTRY_URL": self.url,
            "SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO": self.user_info,
            "SCHEMA_REGISTRY_SSL_CA_LOCATION": str(self.ca_file) if self.ca_file else None,
        }
        return {name: value for name, value in values.items() if value is not None}

    def java(self) -> dict[str, str]:
        """Return properties of Confluent's Java serializers (Confluent documentation, Schema Registry clients)."""
        config = {"schema.registry.url": self.url}
        if self.user_info is not None:
            config |= {"basic.auth.credentials.source": "USER_INFO", "basic.auth.user.info": self.user_info}
        if self.ca_file is not None:
            config |= {
                "schema.registry.ssl.truststore.type": "PEM",
                "schema.registry.ssl.truststore.location": str(self.ca_file),
            }
        return config

    def python(self) -> dict[str, str]:
        """Return the configuration of confluent-kafka's `SchemaRegistryClient`."""
        config = {"url": self.url}
        if self.user_info is not None:
            config["basic.auth.user.info"] = self.user_info
        if self.ca_file is not None:
            config["ssl.ca.location"] = str(self.ca_file)
        return config


@dataclass(frozen=True)
class Connection:
    """One principal's way into one environment.

    Args:
        ca_file: the CA that signs the brokers' certificates; None means the system's trust store.
        connect: how Kafka Connect's REST interface is used, where there is one.
        registry: the way into the schema registry; None without one.
    """

    environment: Environment
    principal: Principal
    secrets: Secrets
    ca_file: Path | None
    connect: ConnectLogin | None = None
    registry: RegistryAccess | None = None

    @property
    def bootstrap(self) -> str:
        """Bootstrap servers of the principal's listener."""
        return self.environment.cluster.bootstrap[self.principal.auth]

    def render(self, form: Format) -> str:
        """Return the file's text, ending in a newline."""
        if form == "dotenv":
            return self.dotenv()
        if form == "java":
            return _properties(self.java() | (self.registry.java() if self.registry else {}))
        if form == "librdkafka":
            return _properties(self.librdkafka())
        return json.dumps(self.document(), indent=2) + "\n"

    def librdkafka(self) -> dict[str, str]:
        """Return librdkafka properties; kcat reads the same file with `-F`.

        An IAM principal's token comes from a callback of the program, which may ask `ephk token`; its file has no
        secret in it, and kcat, which has no such callback, cannot use it.
        """
        config = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": SECURITY_PROTOCOL[self.principal.auth],
            "ssl.endpoint.identification.algorithm": "https",
        }
        if self.ca_file:
            config["ssl.ca.location"] = str(self.ca_file)
        if self.principal.auth in SASL_MECHANISM:
            config["sasl.mechanisms"] = SASL_MECHANISM[self.principal.auth]
        if self.secrets.username is not None and self.secrets.password is not None:
            config |= {"sasl.username": self.secrets.username, "sasl.password": self.secrets.password}
        if self.secrets.certificate and self.secrets.key:
            config |= {
                "ssl.certificate.location": str(self.secrets.certificate),
                "ssl.key.location": str(self.secrets.key),
            }
        return config

    def java(self) -> dict[str, str]:
        """Return Java client properties (`client.properties`)."""
        config = {"bootstrap.servers": self.bootstrap, "security.protocol": SECURITY_PROTOCOL[self.principal.auth]}
        if self.ca_file:
            config |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(self.ca_file)}
        if self.principal.auth == "scram":
            config["sasl.mechanism"] = "SCRAM-SHA-512"
            config["sasl.jaas.config"] = (
                "org.apache.kafka.common.security.scram.ScramLoginModule required "
                f"username={_jaas(self.secrets.username)} password={_jaas(self.secrets.password)};"
            )
        elif self.principal.auth == "iam":
            # aws-msk-iam-auth must be on the class path; it assumes the role with AWS's default chain of credentials.
            options = {
                "awsRoleArn": self.principal.role_arn,
                "awsRoleSessionName": session_name(self.principal),
                "awsStsRegion": self.environment.cloud.region,
            }
            config |= {
                "sasl.mechanism": "AWS_MSK_IAM",
                "sasl.jaas.config": "software.amazon.msk.auth.iam.IAMLoginModule required "
                + " ".join(f"{name}={_jaas(value)}" for name, value in options.items())
                + ";",
                "sasl.client.callback.handler.class": "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
            }
        elif self.secrets.keystore:
            config |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(self.secrets.keystore)}
        return config

    def dotenv(self) -> str:
        """Return shell assignments (`set -a; . ./file; set +a`)."""
        return "".join(f"{name}={shlex.quote(value)}\n" for name, value in self.variables().items())

    def variables(self) -> dict[str, str]:
        """Return the environment variables that `ephk run` gives to its command."""
        environment = self.environment
        values: dict[str, str | None] = {
            "EPHK_ENVIRONMENT": environment.name,
            "EPHK_LEASE": environment.lease_id,
            "EPHK_PRINCIPAL": self.principal.name,
            "EPHK_TOPICS": ",".join(topic.name for topic in environment.topics),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "KAFKA_SECURITY_PROTOCOL": SECURITY_PROTOCOL[self.principal.auth],
            "KAFKA_SASL_MECHANISM": SASL_MECHANISM.get(self.principal.auth),
            "KAFKA_SASL_USERNAME": self.secrets.username,
            "KAFKA_SASL_PASSWORD": self.secrets.password,
            "KAFKA_SSL_CA_LOCATION": str(self.ca_file) if self.ca_file else None,
            "KAFKA_SSL_CERTIFICATE_LOCATION": str(self.secrets.certificate) if self.secrets.certificate else None,
            "KAFKA_SSL_KEY_LOCATION": str(self.secrets.key) if self.secrets.key else None,
            "EPHK_ROLE_ARN": self.principal.role_arn,
            "EPHK_CLUSTER_ARN": environment.cluster.arn,
            "EPHK_BUCKET": environment.bucket.name if environment.bucket else None,
            "AWS_REGION": environment.cloud.region,
            "AWS_ENDPOINT_URL": environment.cloud.endpoint_url,
            "AWS_CA_BUNDLE": environment.cloud.ca_bundle,
            "EPHK_CONNECT_URL": environment.connect_url,
            **(self._aws_variables() if self.principal.auth == "iam" else {}),
            "EPHK_CONNECT_USERNAME": self.connect.username if self.connect else None,
            "EPHK_CONNECT_PASSWORD": self.connect.password if self.connect else None,
            "EPHK_CONNECT_CA_LOCATION": str(self.connect.ca_file) if self.connect and self.connect.ca_file else None,
        }
        known = {name: value for name, value in values.items() if value is not None}
        return known | (self.registry.variables() if self.registry else {})

    def _aws_variables(self) -> dict[str, str | None]:
        """Return with what an SDK assumes the role.

        The AWS SDK for Java does not know AWS_CA_BUNDLE, so STS is named by the embedded cloud's plain HTTP endpoint,
        which is on loopback.
        """
        key_id, secret = self.secrets.aws_keys or (None, None)
        return {
            "EPHK_ROLE_SESSION_NAME": session_name(self.principal),
            "AWS_ENDPOINT_URL_STS": self.environment.cloud.http_endpoint_url,
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": secret,
        }

    def document(self) -> dict[str, Any]:
        """Return everything as one JSON document, with both client configurations."""
        return {
            "environment": self.environment.model_dump(mode="json"),
            "principal": self.principal.name,
            "variables": self.variables(),
            "java": self.java(),
            "librdkafka": self.librdkafka(),
            **({"schema_registry": self.registry.python()} if self.registry else {}),
        }


def choose_principal(environment: Environment, name: str | None, auth: Mechanism | None = None) -> Principal:
    """Return the principal called `name`, or the first one.

    Args:
        environment: whose principals.
        name: as the spec calls it; `operator` is the operator role, unless a principal has that name.
        auth: only principals that authenticate in this way.

    Raises:
        UsageError: there is no such principal, or none at all.
    """
    candidates = [principal for principal in environment.principals if auth in (None, principal.auth)]
    if "operator" in environment.roles and auth in (None, "iam"):
        candidates.append(operator(environment))
    if name is None and candidates:
        return candidates[0]
    for principal in candidates:
        if principal.name == name:
            return principal
    called = f" '{name}'" if name else ""
    using = f" that uses {auth}" if auth else ""
    there = ", ".join(f"{principal.name} ({principal.auth})" for principal in environment.principals)
    raise UsageError(
        f"environment {environment.name} has no principal{called}{using}", next_step=f"Principals: {there or 'none'}."
    )


def _jaas(value: str | None) -> str:
    """Quote a JAAS option value."""
    text = value or ""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _properties(values: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())
