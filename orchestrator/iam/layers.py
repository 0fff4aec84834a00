"""The policies of one kind that apply together, indexed by action so that only statements that matter are asked."""

from __future__ import annotations

from orchestrator.iam.compiled import CompiledPolicy
from orchestrator.iam.model import Request, StatementRef
from orchestrator.iam.principal_element import Grade
from orchestrator.iam.statements import CompiledStatement

# Actions are finite, but requests may come from outside: the index must not grow without end.
_INDEX_SIZE = 4096

_ByEffect = tuple[tuple[CompiledStatement, ...], tuple[CompiledStatement, ...]]


class PolicyLayer:
    """Policies of one kind of which any may allow and any may deny.

    Args:
        policies: the policies, in any order: the order never changes whether a request is allowed.
    """

    __slots__ = ("_index", "policies")

    def __init__(self, policies: tuple[CompiledPolicy, ...]) -> None:
        self.policies = policies
        self._index: dict[str, _ByEffect] = {}

    def _covering(self, action_key: str) -> _ByEffect:
        found = self._index.get(action_key)
        if found is None:
            covering = [
                statement
                for policy in self.policies
                for statement in policy.statements
                if statement.covers_action(action_key)
            ]
            found = (
                tuple(statement for statement in covering if not statement.is_allow),
                tuple(statement for statement in covering if statement.is_allow),
            )
            if len(self._index) >= _INDEX_SIZE:
                self._index.clear()
            self._index[action_key] = found
        return found

    def deny(self, request: Request, *, has_boundary: bool = False) -> StatementRef | None:
        """The first Deny statement that applies.

        Args:
            request: the request.
            has_boundary: whether the request's principal is a user or role with a permissions boundary.
        """
        for statement in self._covering(request.action_key)[0]:
            if statement.denies_principal(request, has_boundary=has_boundary) and statement.applies(request):
                return statement.ref
        return None

    def allow(self, request: Request) -> StatementRef | None:
        """The first Allow statement that applies, in policies that have no Principal element."""
        for statement in self._covering(request.action_key)[1]:
            if statement.applies(request):
                return statement.ref
        return None

    def strongest_allow(self, request: Request) -> tuple[Grade, StatementRef | None]:
        """The Allow statement of a resource-based policy that names the request's principal most directly."""
        best: tuple[Grade, StatementRef | None] = (Grade.NONE, None)
        for statement in self._covering(request.action_key)[1]:
            grade = statement.grade(request)
            if grade > best[0] and statement.applies(request):
                best = (grade, statement.ref)
        return best
