from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.bootstrap import activate_cost_tags
from orchestrator.cli.bootstrap import merged
from orchestrator.errors import UsageError
from orchestrator.tags import REQUIRED

NOTHING: dict[str, Any] = {
    "ci_subject": (),
    "ci_issuer": None,
    "ci_audience": None,
    "no_ci": False,
    "install": None,
    "every": None,
}


def test_a_second_run_keeps_what_it_does_not_name() -> None:
    first = merged({}, {**NOTHING, "ci_subject": ("repo:acme/orders:pull_request",), "every": 30})
    second = merged(first, {**NOTHING, "every": 60})
    assert second == {**first, "every": 60}
    assert merged(second, {**NOTHING, "no_ci": True})["ci_subjects"] == []


@pytest.mark.parametrize("subject", ["*", "repo:*", "repo:*/orders:*", "repo:ac?e/orders:x", "", "repo:"])
def test_a_subject_that_lets_everybody_in_is_refused(subject: str) -> None:
    with pytest.raises(UsageError, match="jobs of other organizations"):
        merged({}, {**NOTHING, "ci_subject": (subject,)})


@pytest.mark.parametrize(
    "subject", ["repo:acme/orders:*", "repo:acme/*:pull_request", "project_path:acme/orders:ref_type:branch:ref:main"]
)
def test_a_subject_of_ones_own_organization_is_fine(subject: str) -> None:
    assert merged({}, {**NOTHING, "ci_subject": (subject,)})["ci_subjects"] == [subject]


@pytest.mark.parametrize("wrong", [{"ci_issuer": "http://ci.example.org"}, {"install": "x'; rm -rf /; '"}])
def test_what_would_end_in_a_policy_or_a_shell_is_checked(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        merged({}, {**NOTHING, **wrong})


class Session:
    """A session whose Cost Explorer answers as given."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer, self.asked = answer, []  # type: ignore[var-annotated]

    def client(self, service: str) -> Any:
        assert service == "ce"
        return self

    def update_cost_allocation_tags_status(self, **options: Any) -> dict[str, Any]:
        self.asked.append(options)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_cost_tags_are_activated_or_it_is_said_why_not() -> None:
    fine: Any = Session({"Errors": []})
    assert activate_cost_tags(fine) == f"{len(REQUIRED)} activated"
    assert {item["TagKey"] for item in fine.asked[0]["CostAllocationTagsStatus"]} == set(REQUIRED)
    unseen: Any = Session({"Errors": [{"TagKey": "ephk:lease", "Code": "TagKeysNotFound", "Message": "not found"}]})
    assert "run it again in a day" in activate_cost_tags(unseen)
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateCostAllocationTagsStatus")
    denied: Any = Session(error)
    assert activate_cost_tags(denied) == "not activated: AccessDeniedException: no"
