from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator import tags
from orchestrator.teardown.deleters.model import Work, error_code
from orchestrator.teardown.deleters.table import DELETERS, order
from orchestrator.teardown.direct import delete_directly
from orchestrator.teardown.found import Found, Scope
from orchestrator.teardown.inventory import QUESTIONS, sweep

MINE, OTHER = "bcdfghjk", "zzzzzzzz"


def refusal(code: str) -> ClientError:
    message = "no statement allows it" if code.startswith("AccessDenied") else "no"
    return ClientError({"Error": {"Code": code, "Message": message}}, "DeleteSubnet")


class FakeCloud:
    """Every client and its session in one: remembers deletions, answers tags, fails as told."""

    def __init__(self, tagged: dict[str, str] | None = None, failures: list[str] | None = None) -> None:
        self.tagged, self.failures = tagged or {}, failures or []
        self.calls: list[str] = []
        self.states = ["RUNNING"]

    def client(self, _service: str) -> "FakeCloud":
        return self

    def describe_tags(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:
        lease = self.tagged.get(Filters[0]["Values"][0])
        return {"Tags": [{"Key": tags.LEASE, "Value": lease}] if lease else []}

    def delete_subnet(self, SubnetId: str) -> None:
        self.calls.append(SubnetId)
        if self.failures:
            raise refusal(self.failures.pop(0))

    def delete_vpc(self, VpcId: str) -> None:
        self.calls.append(VpcId)

    def describe_connector(self, connectorArn: str) -> dict[str, str]:
        self.calls.append("describe")
        return {"connectorState": self.states.pop(0) if len(self.states) > 1 else self.states[0]}

    def delete_connector(self, connectorArn: str) -> None:
        self.calls.append(connectorArn)
        if self.failures:
            raise refusal(self.failures.pop(0))

    def describe_network_interfaces(self, NetworkInterfaceIds: list[str]) -> dict[str, Any]:
        return {"NetworkInterfaces": [{"RequesterManaged": True, "Description": "of a worker"}]}


def subnet(name: str = "subnet-1", lease: str | None = None) -> Found:
    return Found("ec2:subnet", name, "test", tags=((tags.LEASE, lease),) if lease else None, lease=MINE)


def delete(cloud: FakeCloud, *items: Found, patience_s: float = 5.0, **more: Any) -> Any:
    return delete_directly(cloud, MINE, items, patience_s=patience_s, **more)  # type: ignore[arg-type]


def test_every_kind_goes_after_what_depends_on_it_and_the_vpc_last_of_its_network() -> None:
    places = {kind: index for index, kind in enumerate(order())}
    assert set(places) == set(DELETERS), "a deleter goes after a kind that has none"
    for kind, deleter in DELETERS.items():
        assert all(places[before] < places[kind] for before in deleter.after)
    network = ("subnet", "security-group", "vpc-endpoint", "network-interface", "route-table")
    assert all(places[f"ec2:{kind}"] < places["ec2:vpc"] for kind in network)


def test_what_carries_the_lease_s_tag_goes_in_order() -> None:
    cloud = FakeCloud()
    vpc = Found("ec2:vpc", "vpc-1", "test", tags=((tags.LEASE, MINE),), lease=MINE)
    outcome = delete(cloud, vpc, subnet(lease=MINE))
    assert cloud.calls == ["subnet-1", "vpc-1"]
    assert outcome.kept == ()


@pytest.mark.parametrize("lease", [None, OTHER])
def test_what_is_not_the_lease_s_is_reported_and_never_touched(lease: str | None) -> None:
    cloud = FakeCloud({"subnet-1": lease} if lease else {})
    outcome = delete(cloud, subnet())
    assert cloud.calls == []
    assert "was not touched" in outcome.kept[0].why


def test_the_lease_s_own_state_is_proof_but_not_against_another_lease_s_tag() -> None:
    mine, other = FakeCloud(), FakeCloud({"subnet-1": OTHER})
    assert delete(mine, subnet(), in_state={"subnet-1"}).kept == ()
    assert mine.calls == ["subnet-1"]
    delete(other, subnet(), in_state={"subnet-1"})
    assert other.calls == []


def test_a_dependency_violation_is_tried_again() -> None:
    cloud = FakeCloud(failures=["DependencyViolation", "RequestLimitExceeded"])
    assert delete(cloud, subnet(lease=MINE)).kept == ()
    assert len(cloud.calls) == 3


@pytest.mark.parametrize("code", ["AccessDenied", "UnauthorizedOperation", "ExpiredToken"])
def test_a_denied_deletion_is_never_tried_again(code: str) -> None:
    cloud = FakeCloud(failures=[code] * 5)
    outcome = delete(cloud, subnet(lease=MINE))
    assert len(cloud.calls) == 1
    assert code in outcome.kept[0].why


CONNECTOR = Found("kafkaconnect:connector", "estate-connector", "test", tags=((tags.LEASE, MINE),), lease=MINE)


@pytest.mark.parametrize("code", ["AccessDeniedException", "BadRequestException"])
def test_a_deletion_that_is_refused_in_a_state_that_allows_it_is_not_waited_for(code: str) -> None:
    cloud = FakeCloud(failures=[code] * 5)
    assert code in delete(cloud, CONNECTOR, patience_s=600).kept[0].why
    assert cloud.calls.count("estate-connector") == 1


def test_a_state_that_changed_just_before_the_deletion_is_waited_for() -> None:
    cloud = FakeCloud(failures=["BadRequestException"])
    cloud.states = ["RUNNING", "UPDATING", "UPDATING", "RUNNING", "DELETING", "FAILED"]
    assert "is FAILED" in delete(cloud, CONNECTOR, patience_s=600).kept[0].why
    assert cloud.calls.count("estate-connector") == 2


def test_interfaces_of_what_stays_are_not_waited_for_to_the_end() -> None:
    interface = Found("ec2:network-interface", "eni-1", "test", lease=MINE)
    outcome = delete(FakeCloud(failures=["AccessDeniedException"]), interface, CONNECTOR, patience_s=2)
    why = {kept.item.kind: kept.why for kept in outcome.kept}
    assert "AccessDeniedException" in why["kafkaconnect:connector"]
    assert "it may be of what stays: kafkaconnect:connector" in why["ec2:network-interface"]
    alone = delete(FakeCloud(), interface, patience_s=0)
    assert "stays" not in alone.kept[0].why


def test_a_patience_is_shortened_once() -> None:
    work = Work(FakeCloud(), 1000.0)  # type: ignore[arg-type]
    work.shorten()
    first = work.patience_s
    work.shorten()
    assert 50 <= work.patience_s == first < 60


def test_without_patience_everything_is_tried_once() -> None:
    cloud = FakeCloud(failures=["DependencyViolation"] * 5)
    outcome = delete(cloud, subnet(lease=MINE), patience_s=0)
    assert len(cloud.calls) == 1
    assert "DependencyViolation" in outcome.kept[0].why


def test_what_is_gone_already_counts_as_deleted() -> None:
    outcome = delete(FakeCloud(failures=["InvalidSubnetID.NotFound"]), subnet(lease=MINE))
    assert len(outcome.deleted) == 1


def test_a_kind_without_a_deleter_is_said_and_not_forgotten() -> None:
    outcome = delete(FakeCloud(), Found("ec2:volume", "vol-1", "test", tags=((tags.LEASE, MINE),)))
    assert "no deleter" in outcome.kept[0].why


def test_a_cancelled_wait_ends_at_once() -> None:
    work = Work(FakeCloud(), 60.0)  # type: ignore[arg-type]
    work.cancelled.set()
    assert work.wait(lambda: "CREATING", lambda state: state == "ACTIVE") == "CREATING"
    assert error_code(refusal("X")) == "X"


def test_every_kind_that_the_inventory_can_find_has_a_deleter() -> None:
    """Each question's kind; the tagging API's are those of the same services."""
    asked = {"ec2:vpc", "ec2:subnet", "ec2:route-table", "ec2:security-group", "ec2:security-group-rule"}
    asked |= {"ec2:vpc-endpoint", "ec2:network-interface", "iam:role", "iam:policy", "kafka:cluster", "s3:bucket"}
    asked |= {"kafka:configuration", "secretsmanager:secret", "kms:key", "kms:alias", "logs:log-group"}
    asked |= {"acm-pca:certificate-authority", "cloudwatch:alarm", "sns:topic", "sqs:queue", "ec2:vpc-flow-log"}
    asked |= {f"kafkaconnect:{kind}" for kind in ("connector", "custom-plugin", "worker-configuration")}
    assert asked <= set(DELETERS)
    assert len(QUESTIONS) == len(asked) + 1


def test_a_scope_knows_leases_by_tag_and_by_the_shape_of_our_names() -> None:
    everybody, two = Scope(None), Scope([MINE, OTHER])
    assert everybody.of_name(f"ephk-{MINE}-broker") == MINE
    assert everybody.of_name(f"/ephk/{MINE}/brokers") == MINE
    assert everybody.of_name(f"AmazonMSK_ephk-{MINE}-x") == MINE
    assert everybody.of_name("ephk-production") == ""
    assert everybody.of_name(MINE) == ""
    assert two.of_tags(((tags.LEASE, OTHER),)) == OTHER
    assert Scope([MINE]).of_tags(((tags.LEASE, OTHER),)) == ""


def test_filters_stay_below_the_services_limits() -> None:
    many = Scope(f"lease{number}" for number in range(300))
    assert many.ec2_filters() == [{"Name": "tag-key", "Values": [tags.LEASE]}]
    assert many.tagging_filters() == [{"Key": tags.LEASE}]
    assert Scope([MINE]).ec2_filters() == [{"Name": f"tag:{tags.LEASE}", "Values": [MINE]}]


class CountingSession:
    """Answers every listing with two leases' VPCs on two pages, and counts the listings."""

    def __init__(self) -> None:
        self.listings = 0

    def client(self, _service: str) -> "CountingSession":
        return self

    def list_buckets(self) -> dict[str, Any]:
        return {"Buckets": []}

    def get_paginator(self, operation: str) -> Any:
        self.listings += 1

        class Pages:
            def paginate(self, **_: Any) -> list[dict[str, Any]]:
                if operation != "describe_vpcs":
                    return [{}]
                return [{"Vpcs": [vpc("vpc-1", MINE)]}, {"Vpcs": [vpc("vpc-2", OTHER)]}]

        def vpc(name: str, lease: str) -> dict[str, Any]:
            return {"VpcId": name, "Tags": [{"Key": tags.LEASE, "Value": lease}]}

        return Pages()


def test_one_sweep_serves_all_leases_with_the_listings_of_one() -> None:
    one, many = CountingSession(), CountingSession()
    sweep(one, [MINE])  # type: ignore[arg-type]
    seen = sweep(many, [MINE, OTHER, *(f"lease{number}" for number in range(50))])  # type: ignore[arg-type]
    assert many.listings == one.listings
    assert [item.identifier for item in seen.of(MINE).found] == ["vpc-1"]
    assert [item.identifier for item in seen.of(OTHER).found] == ["vpc-2"]
