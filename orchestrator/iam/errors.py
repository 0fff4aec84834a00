"""What can be wrong with a policy or with a request, as typed errors that name the place."""

from __future__ import annotations

from orchestrator.errors import EphkError


class PolicyError(EphkError):
    """A policy breaks the grammar of the IAM JSON policy language, so no decision can be made with it.

    Args:
        problem: what is wrong, in one clause.
        policy: what kind of policy it is and its name, such as ``identity-based policy 'operator'``.
        statement: the statement's position, counted from 1, or None when the whole document is meant.
        sid: the statement's Sid, if it has one.
        field: the element that is wrong, with dots between the levels (``Condition.StringEquals``).
    """

    def __init__(
        self,
        problem: str,
        *,
        policy: str = "policy",
        statement: int | None = None,
        sid: str = "",
        field: str = "",
    ) -> None:
        place = ""
        if statement is not None:
            place += f", statement {statement}"
            if sid:
                place += f" (Sid {sid!r})"
        if field:
            place += f", field {field}"
        super().__init__(
            f"malformed {policy}{place}: {problem}",
            next_step="correct the policy as the IAM User Guide's 'Grammar of the IAM JSON policy language' says",
        )
        self.problem = problem
        self.policy = policy
        self.statement = statement
        self.sid = sid
        self.field = field


class RequestError(EphkError):
    """A request to decide lacks something or has a value that cannot be one of AWS's.

    Args:
        problem: what is wrong, in one clause.
        field: the member of the request that is wrong.
    """

    def __init__(self, problem: str, *, field: str) -> None:
        super().__init__(
            f"malformed request, field {field}: {problem}",
            next_step="give principal, action and resource as AWS writes them, and the context as a JSON object",
        )
        self.problem = problem
        self.field = field
