"""The spec's section `connect`: plugins, connectors, and what each connector may do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from orchestrator import connect_secrets
from orchestrator.connect_egress import EgressSpec
from orchestrator.connect_secrets import SecretSpec
from orchestrator.spec_source import Problem

#: Topics of the canary: one that its sink reads, one that its source writes.
CANARY_TOPIC = "ephk-canary"
CANARY_NUMBERS = "ephk-canary-numbers"
CANARY = "canary"
#: The topic and the consumer group by which a mirror is proved, in both environments.
MIRROR_CANARY = "ephk-mirror"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_COORDINATE = re.compile(r"[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+")
_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9.-]{3,63})/(?P<key>.{1,1024})")
#: `${ephk:NAME}` in a connector's configuration; Kafka's own `${provider:path:key}` has another form.
PLACEHOLDER = re.compile(r"\$\{ephk:([a-z_]+)\}")
PLACEHOLDERS = ("account_id", "bootstrap", "bucket", "kms_key_arn", "lease", "region")
#: Set by the product: what a connector may be called, and how many tasks it has, is said outside of `config`.
_RESERVED = ("name", "tasks.max")
#: How a linked connector reaches both clusters is not said in `config`.
_MIRROR_PACKAGE = "org.apache.kafka.connect.mirror."
_LINKED = ("target.cluster.alias", "source.cluster.bootstrap.servers", "target.cluster.bootstrap.servers")
_LINKED_PREFIXES = tuple(
    f"{side}.cluster.{kind}." for side in ("source", "target") for kind in ("sasl", "security", "ssl")
)


def _named(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be 1 to 48 characters: lower-case letters, digits and '-', beginning with a letter")
    return value


def _topic(value: str) -> str:
    if not _TOPIC.fullmatch(value):
        raise ValueError("must be 1 to 249 of the characters a-z A-Z 0-9 . _ - (Kafka's rule for topic names)")
    return value


def _text(value: object) -> object:
    value = connect_secrets.reference(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


ConnectName = Annotated[str, AfterValidator(_named)]
Topic = Annotated[str, AfterValidator(_topic)]
ConfigText = Annotated[str, BeforeValidator(_text)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PluginSpec(_Strict):
    """A plugin: exactly one of where it comes from.

    Attributes:
        name: what connectors call it.
        builtin: one that comes with the product.
        file: an archive on this machine (`.zip` with jars, or one `.jar`).
        maven: `group:artifact:version` of a self-contained jar in a Maven repository.
        s3: `s3://bucket/key` of an archive that is there already.
        sha256: the digest that `file` or `maven` must have.
    """

    name: ConnectName
    builtin: Literal["canary"] | None = None
    file: str | None = Field(default=None, min_length=1)
    maven: str | None = Field(default=None, pattern=_COORDINATE.pattern)
    s3: str | None = Field(default=None, pattern=_S3.pattern)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _one_source(self) -> PluginSpec:
        given = [name for name in ("builtin", "file", "maven", "s3") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"needs exactly one of builtin, file, maven, s3; has {', '.join(given) or 'none'}")
        if self.s3 is not None and not self.s3.lower().endswith((".zip", ".jar")):
            raise ValueError("the S3 object's name must end in .zip or .jar")
        return self

    def s3_place(self) -> tuple[str, str]:
        """Return bucket and key of `s3`; raises ValueError for a plugin from elsewhere."""
        match = _S3.fullmatch(self.s3 or "")
        if match is None:
            raise ValueError(f"plugin {self.name} is not an S3 object")
        return match["bucket"], match["key"]


class LinkSpec(_Strict):
    """The environment that a MirrorMaker connector reads from; `orchestrator.connect_links` fills in how.

    Attributes:
        environment: its name: it must be ready, on the same target. Also MirrorMaker's alias of its cluster.
        topics: topics that the connector's role may read there, by their whole names.
        groups: consumer groups whose committed offsets it may read there.
        canary: mirror a topic and a group of the product's own as well, by which the path is proved.
    """

    environment: ConnectName
    topics: tuple[Topic, ...] = ()
    groups: tuple[str, ...] = ()
    canary: bool = True


class ConnectorSpec(_Strict):
    """A connector and the least that its service execution role needs.

    Attributes:
        name: the connector's; the environment's prefix comes in front.
        plugin: which plugin has its class.
        config: the connector's configuration; `${ephk:bucket}` and the like are filled in, and `{secret: NAME, key:
            FIELD}` becomes a reference that the workers resolve.
        tasks: `tasks.max`.
        workers: processes that run it.
        consumes: topics that the role may read.
        produces: topics that the role may write.
        bucket_prefix: where in the environment's bucket the role may read and write; None means nowhere.
        link: the environment that a MirrorMaker connector reads from.
    """

    name: ConnectName
    plugin: ConnectName
    config: dict[str, ConfigText] = Field(min_length=1)
    tasks: int = Field(default=1, ge=1, le=64)
    workers: int = Field(default=1, ge=1, le=10)
    consumes: tuple[Topic, ...] = ()
    produces: tuple[Topic, ...] = ()
    bucket_prefix: str | None = Field(default=None, pattern=r"^[A-Za-z0-9!_.*'()/-]{1,200}/$")
    link: LinkSpec | None = None

    @model_validator(mode="after")
    def _complete(self) -> ConnectorSpec:
        if not self.config.get("connector.class"):
            raise ValueError("config needs 'connector.class'")
        if reserved := [name for name in _RESERVED if name in self.config]:
            raise ValueError(f"config must not have {', '.join(reserved)}: use 'name' and 'tasks' beside it")
        unknown = {name for text in self.config.values() for name in PLACEHOLDER.findall(text)} - {*PLACEHOLDERS}
        if unknown:
            raise ValueError(f"unknown placeholder {', '.join(sorted(unknown))}; there are {', '.join(PLACEHOLDERS)}")
        return self


class ConnectSpec(_Strict):
    """Kafka Connect of the environment.

    Attributes:
        canary: add the canary: a sink that writes what it reads into the bucket, and a source of numbers.
        plugins: the plugins.
        secrets: what connectors refer to with `{secret: NAME, key: FIELD}`.
        connectors: the connectors.
        egress: hosts that connectors must reach beside the brokers and the bucket.
        worker_config: worker properties that MSK Connect lets a customer set.
    """

    canary: bool = False
    plugins: tuple[PluginSpec, ...] = ()
    secrets: tuple[SecretSpec, ...] = ()
    connectors: tuple[ConnectorSpec, ...] = ()
    egress: tuple[EgressSpec, ...] = ()
    worker_config: dict[str, ConfigText] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _with_canary(cls, document: Any) -> Any:
        """Write `canary: true` out, so that everything else sees plugins and connectors only."""
        if not isinstance(document, dict) or not document.get("canary"):
            return document
        written: dict[str, Any] = dict(document)
        for section, own in (("plugins", [_CANARY_PLUGIN]), ("connectors", _CANARY_CONNECTORS)):
            present = list(written.get(section) or [])
            names = [item.get("name") if isinstance(item, dict) else None for item in present]
            written[section] = [*present, *(item for item in own if item["name"] not in names)]
        return written

    def problems(self, topics: Iterable[str]) -> list[Problem]:
        """Return what fields are right by themselves and wrong together.

        Args:
            topics: the declared topics.
        """
        found: list[Problem] = []
        declared, plugins = set(topics), [plugin.name for plugin in self.plugins]
        found += [Problem(("connect", "plugins", i, "name"), f"'{name}' is there twice")
                  for i, name in enumerate(plugins) if name in plugins[:i]]  # fmt: skip
        names = [connector.name for connector in self.connectors]
        for index, connector in enumerate(self.connectors):
            path = ("connect", "connectors", index)
            if connector.name in names[:index]:
                found.append(Problem((*path, "name"), f"'{connector.name}' is there twice"))
            if connector.plugin not in plugins:
                known = ", ".join(plugins) or "none"
                found.append(
                    Problem((*path, "plugin"), f"no plugin '{connector.plugin}' is declared; plugins: {known}")
                )
            if connector.link is not None:
                found += _link_problems(connector, path)
            for field in ("consumes", "produces"):
                for position, topic in enumerate(getattr(connector, field)):
                    if topic not in declared:
                        found.append(
                            Problem(
                                (*path, field, position),
                                f"no topic '{topic}' is declared; topics: {', '.join(sorted(declared)) or 'none'}",
                            )
                        )
        labels = [host.label for host in self.egress]
        found += [Problem(("connect", "egress", i, "host"), "this host and port are there twice")
                  for i, label in enumerate(labels) if label in labels[:i]]  # fmt: skip
        return found + self._secret_problems()

    def secrets_of(self, connector: ConnectorSpec) -> tuple[SecretSpec, ...]:
        """Return the declared secrets that a connector refers to."""
        named = {name for name, _ in connect_secrets.references(connector.config.values())}
        return tuple(secret for secret in self.secrets if secret.name in named)

    def needs_provider(self, connector: ConnectorSpec) -> bool:
        """Tell whether a connector's plugin must have our configuration provider in its archive."""
        return bool(self.secrets_of(connector)) and not connect_secrets.brings_provider(self.worker_config)

    def endpoint_services(self) -> tuple[str, ...]:
        """Return the AWS services that workers reach by an interface endpoint of their own."""
        declared = {host.endpoint for host in self.egress if host.endpoint is not None}
        return tuple(sorted(declared | ({"secretsmanager"} if self.secrets else set())))

    def secret_names(self, prefix: str) -> dict[str, str]:
        """Return the secrets' names in the account, by the spec's; `prefix` is the environment's."""
        return {secret.name: secret.full_name(prefix) for secret in self.secrets}

    def _secret_problems(self) -> list[Problem]:
        names = [secret.name for secret in self.secrets]
        found = [Problem(("connect", "secrets", i, "name"), f"'{name}' is there twice")
                 for i, name in enumerate(names) if name in names[:i]]  # fmt: skip
        own = connect_secrets.brings_provider(self.worker_config)
        declared = {secret.name: secret for secret in self.secrets}
        in_buckets = {plugin.name for plugin in self.plugins if plugin.s3 is not None}
        for index, connector in enumerate(self.connectors):
            path = ("connect", "connectors", index)
            for key, text in connector.config.items():
                for name, field in connect_secrets.references([text]):
                    secret = declared.get(name)
                    if secret is None and not own:
                        known = ", ".join(names) or "none"
                        message = f"no secret '{name}' is declared in connect.secrets; secrets: {known}"
                        found.append(Problem((*path, "config", key), message))
                    elif secret is not None and secret.fields and field not in secret.fields:
                        message = f"the secret '{name}' has no field '{field}'; fields: {', '.join(secret.fields)}"
                        found.append(Problem((*path, "config", key), message))
            if connector.plugin in in_buckets and self.needs_provider(connector):
                message = (
                    "refers to secrets, and the archive of a plugin in S3 is not changed: put a configuration provider "
                    f"into it and name it in worker_config (config.providers={connect_secrets.PROVIDER})"
                )
                found.append(Problem((*path, "plugin"), message))
        return found


def _link_problems(connector: ConnectorSpec, path: tuple[str | int, ...]) -> list[Problem]:
    """Return what of a linked connector's configuration the link says."""
    config = connector.config
    found = [
        Problem((*path, "config", key), "is filled in from 'link'")
        for key in config
        if key in _LINKED or key.startswith(_LINKED_PREFIXES)
    ]
    if not config["connector.class"].startswith(_MIRROR_PACKAGE):
        found.append(Problem((*path, "link"), f"is for MirrorMaker's connectors ({_MIRROR_PACKAGE}*)"))
    return found


_CANARY_PLUGIN: dict[str, Any] = {"name": CANARY, "builtin": CANARY}
_CANARY_CONNECTORS: list[dict[str, Any]] = [
    {
        "name": "canary-sink",
        "plugin": CANARY,
        "consumes": [CANARY_TOPIC],
        "bucket_prefix": "connect/canary-sink/",
        "config": {
            "connector.class": "io.ephk.connect.CanarySinkConnector",
            "topics": CANARY_TOPIC,
            "canary.bucket": "${ephk:bucket}",
            "canary.prefix": "connect/canary-sink/",
        },
    },
    {
        "name": "canary-source",
        "plugin": CANARY,
        "produces": [CANARY_NUMBERS],
        "config": {
            "connector.class": "io.ephk.connect.CanarySourceConnector",
            "canary.topic": CANARY_NUMBERS,
            "canary.interval.ms": "200",
        },
    },
]
