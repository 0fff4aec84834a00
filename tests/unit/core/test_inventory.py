from typing import Any

from botocore.exceptions import ClientError

from orchestrator import tags
from orchestrator.teardown.inventory import QUESTIONS, Found, take_inventory

LEASE = "bcdfghjk"


class FakeService:
    """Answers every paged operation from a table of pages; anything else is empty."""

    def __init__(self, pages: dict[str, list[dict[str, Any]]], refused: set[str]) -> None:
        self.pages, self.refused = pages, refused

    def get_paginator(self, operation: str) -> "FakeService":
        self.operation = operation
        return FakePaginator(self, operation)  # type: ignore[return-value]

    def list_buckets(self) -> dict[str, Any]:
        return {"Buckets": [{"Name": f"ephk-{LEASE}-data"}, {"Name": "somebody-elses"}]}

    def describe_key(self, **_: str) -> dict[str, Any]:
        import datetime

        return {"KeyMetadata": {"KeyState": "PendingDeletion", "DeletionDate": datetime.datetime(2026, 1, 8)}}


class FakePaginator:
    def __init__(self, service: FakeService, operation: str) -> None:
        self.service, self.operation = service, operation

    def paginate(self, **arguments: Any) -> list[dict[str, Any]]:
        if self.operation in self.service.refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, self.operation)
        if self.operation == "get_resources":
            assert arguments["TagFilters"] == [{"Key": tags.LEASE, "Values": [LEASE]}]
            if arguments.get("ResourceTypeFilters") == ["kms:key"]:
                pages = self.service.pages.get(self.operation, [{}])
                return [
                    {
                        "ResourceTagMappingList": [
                            i for i in page.get("ResourceTagMappingList", []) if ":kms:" in i["ResourceARN"]
                        ]
                    }
                    for page in pages
                ]
        return self.service.pages.get(self.operation, [{}])


class FakeSession:
    def __init__(self, pages: dict[str, list[dict[str, Any]]], refused: set[str] | None = None) -> None:
        self.service = FakeService(pages, refused or set())

    def client(self, name: str) -> FakeService:
        return FakeService(self.service.pages, self.service.refused)


KEY = "arn:aws:kms:us-east-1:123456789012:key/k-1"
VPC = "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"
PAGES = {
    "get_resources": [
        {"ResourceTagMappingList": [{"ResourceARN": KEY, "Tags": [{"Key": tags.LEASE, "Value": LEASE}]}]},
        {"ResourceTagMappingList": [{"ResourceARN": VPC, "Tags": []}]},
    ],
    "describe_vpcs": [{"Vpcs": [{"VpcId": "vpc-1", "Tags": []}]}],
    "list_roles": [{"Roles": [{"RoleName": f"ephk-{LEASE}-client"}]}, {"Roles": [{"RoleName": "admin"}]}],
}


def test_every_page_is_read_and_only_the_lease_is_found() -> None:
    inventory = take_inventory(FakeSession(PAGES), LEASE)  # type: ignore[arg-type]
    assert {(item.kind, item.identifier) for item in inventory.left} == {
        ("ec2:vpc", "vpc-1"),
        ("iam:role", f"ephk-{LEASE}-client"),
        ("s3:bucket", f"ephk-{LEASE}-data"),
    }
    assert inventory.asked == tuple(QUESTIONS)
    assert inventory.unanswered == ()


def test_a_key_that_waits_for_its_deletion_is_pending_and_not_left() -> None:
    inventory = take_inventory(FakeSession(PAGES), LEASE)  # type: ignore[arg-type]
    assert [(item.kind, item.pending) for item in inventory.pending] == [("kms:key", "deleted on 2026-01-08")]
    assert all(item.identifier != KEY for item in inventory.left)


def test_a_question_that_was_refused_is_unanswered_and_not_empty() -> None:
    inventory = take_inventory(FakeSession({}, {"list_roles"}), LEASE)  # type: ignore[arg-type]
    assert len(inventory.unanswered) == 1
    assert inventory.unanswered[0].startswith("iam roles: ")
    assert "AccessDenied" in inventory.unanswered[0]


def test_what_one_question_tells_in_detail_is_not_told_twice() -> None:
    inventory = take_inventory(FakeSession(PAGES), LEASE)  # type: ignore[arg-type]
    assert [item for item in inventory.found if item.kind == "ec2:vpc"] == [
        Found("ec2:vpc", "vpc-1", "ec2:describe_vpcs", tags=(), lease=LEASE)
    ]


def test_a_stale_entry_of_the_tagging_index_is_corrected_by_the_service_that_owns_the_type() -> None:
    pages = {"get_resources": [{"ResourceTagMappingList": [{"ResourceARN": VPC, "Tags": []}]}]}
    sure = take_inventory(FakeSession(pages), LEASE)  # type: ignore[arg-type]
    assert VPC not in {item.identifier for item in sure.left}
    unsure = take_inventory(FakeSession(pages, {"describe_vpcs"}), LEASE)  # type: ignore[arg-type]
    assert VPC in {item.identifier for item in unsure.left}
