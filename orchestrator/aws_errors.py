"""What botocore's errors mean to the reader of a terminal: the cause, the action and what to do next."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from orchestrator.errors import EphkError

_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
#: Codes by which AWS says that credentials are over or were never its own ("Common errors", STS API Reference).
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_UNKNOWN_KEY = frozenset({"InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


def code_of(error: BaseException) -> str:
    """Return AWS's error code, or an empty text for any other error."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


@contextlib.contextmanager
def explained(doing: str, *, next_step: str = "") -> Iterator[None]:
    """Turn botocore's errors into ours.

    Args:
        doing: what was tried, as an infinitive: "read the lease orders".
        next_step: what to do about an error that has no better advice of its own.

    Raises:
        EphkError: instead of every botocore error in the block.
    """
    try:
        yield
    except _NO_CREDENTIALS as error:
        raise EphkError(
            f"cannot {doing}: there are no usable AWS credentials ({error})",
            next_step="Sign in (AWS_PROFILE, 'aws sso login', or the CI's OIDC role), then run it again.",
        ) from None
    except EndpointConnectionError as error:
        raise EphkError(
            f"cannot {doing}: {error}", next_step="Check the network, AWS_REGION and AWS_ENDPOINT_URL."
        ) from None
    except ClientError as error:
        raise _of_client(error, doing, next_step) from None
    except BotoCoreError as error:
        raise EphkError(f"cannot {doing}: {error}", next_step=next_step) from None


def _of_client(error: ClientError, doing: str, next_step: str) -> EphkError:
    code, message = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
    text = f"cannot {doing}: {error.operation_name}: {code}: {message}"
    if code in _EXPIRED:
        next_step = "The credentials have expired: sign in again, then run it again."
    elif code in _UNKNOWN_KEY:
        next_step = "AWS does not know this access key: check AWS_PROFILE and AWS_ACCESS_KEY_ID."
    elif code in _DENIED:
        next_step = f"The caller needs {error.operation_name} on that resource: see docs/aws.md, 'Permissions'."
    return EphkError(text, next_step=next_step)
