"""What a service of the embedded cloud looks like to the gateway: one method, Python values in and out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

CallerKind = Literal["administrator", "user", "role", "anonymous"]


@dataclass(frozen=True)
class Endpoint:
    """The VPC endpoint through which a request says that it came.

    Attributes:
        id: `vpce-...` (`aws:SourceVpce`).
        vpc_id: its VPC (`aws:SourceVpc`).
        policy: its policy's JSON text.
    """

    id: str
    vpc_id: str
    policy: str = field(repr=False)


@dataclass(frozen=True)
class Caller:
    """Who signed a request, and how it reached the gateway.

    Attributes:
        kind: the embedded account's administrator, an IAM user, an assumed role's session, or nobody.
        arn: the user's ARN (`arn:aws:iam::<account>:user/administrator` for the administrator), the
            `arn:aws:sts::<account>:assumed-role/<role>/<session>` of a session, `*` for nobody.
        account_id: the twelve digits of the caller's account, empty for nobody.
        access_key_id: what the request was signed with, None for nobody.
        user_id: `aws:userid` (for a session `<role id>:<session name>`).
        role_arn: the role behind a session.
        session_name: the session's name.
        session_policies: the policy documents (JSON texts) that the session was limited with.
        secure: the request came over TLS (`aws:SecureTransport`).
        source_ip: the peer's address (`aws:SourceIp`).
        user_agent: `aws:UserAgent`.
        endpoint: the VPC endpoint that the request came through; None when it came through none.
    """

    kind: CallerKind
    arn: str
    account_id: str
    access_key_id: str | None = None
    user_id: str = ""
    role_arn: str | None = None
    session_name: str | None = None
    session_policies: tuple[str, ...] = field(default=(), repr=False)
    secure: bool = True
    source_ip: str = "127.0.0.1"
    user_agent: str = ""
    endpoint: Endpoint | None = None


class AwsError(Exception):
    """An error that an AWS service answers with.

    Args:
        code: the exception's name as the service's model has it, such as `NotFoundException`.
        message: the text for people.
        status: the HTTP status.
        members: further members of the error's shape, such as `InvalidParameter`.
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members: dict[str, Any] = members


class TaggedResource(TypedDict):
    """One entry of the resource groups tagging API."""

    arn: str
    tags: dict[str, str]


@runtime_checkable
class ServiceBackend(Protocol):
    """A service that the embedded cloud implements itself, spoken to with botocore's Python member names."""

    #: botocore's name of the service, such as "kafka".
    service: str

    def invoke(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Carry out one operation (called from many threads at once).

        Args:
            operation: as the service's model names it, such as `CreateClusterV2`.
            params: the members of the operation's input shape; required ones are there, times are datetimes.
            caller: who asks.

        Returns:
            The members of the operation's output shape.

        Raises:
            AwsError: the service refuses.
            NotImplementedError: the operation exists in the model and not here.
        """
        ...

    def tagged_resources(self) -> list[TaggedResource]:
        """Return every resource of this service that carries a tag, for the tagging API."""
        ...

    def close(self) -> None:
        """End everything that the service runs; called once when the cloud stops."""
        ...
