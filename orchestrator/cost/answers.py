"""Failures of AWS's cost services, said with the action that is missing and what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from orchestrator.errors import EphkError

_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


class RefusedError(EphkError):
    """The caller may not ask."""


@contextlib.contextmanager
def asking(service: str, action: str) -> Iterator[None]:
    """Turn botocore's exceptions into ours.

    Args:
        service: what people call it.
        action: the IAM action that is needed.

    Raises:
        RefusedError: the caller lacks the action.
        EphkError: the service could not be reached or failed.
    """
    try:
        yield
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code in _DENIED:
            raise RefusedError(
                f"{service} refuses {action}: {message}", next_step=f"Allow {action} on * to the caller."
            ) from None
        raise EphkError(f"{service} failed: {code}: {message}", next_step="Try again later.") from None
    except NoCredentialsError:
        raise EphkError(
            f"{service} could not be asked: there are no AWS credentials",
            next_step="Sign in (aws sso login, or set AWS_PROFILE) and try again.",
        ) from None
    except BotoCoreError as error:
        raise EphkError(
            f"{service} could not be reached: {error}", next_step="Check the network and the proxy, then try again."
        ) from None
