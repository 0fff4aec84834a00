"""The leaks that people report of Kafka environments on AWS, each made on purpose and ended without Pulumi."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator import tags
from orchestrator.ledger import FileLedger
from orchestrator.processes import wait_until
from orchestrator.progress import SilentProgress
from orchestrator.teardown.inventory import take_inventory
from orchestrator.teardown.reap import Reaper
from tests.embedded.teardown.conftest import Site, pair, policy, spec, trust

FAILS = "msk: {create_error: {code: InternalError, message: no capacity}"


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        act()
    return str(refused.value.response["Error"]["Code"])


def gone_by(receipt: Any, kind: str) -> set[str]:
    return {item.by for item in receipt.deleted if item.kind == kind}


def test_interfaces_that_outlive_their_cluster_are_waited_for(site: Site, unhindered: Callable[[str], None]) -> None:
    lease = site.lease()
    made = site.network(lease.id)
    unhindered(f"{FAILS}, eni_lingers_s: 2}}")
    site.cluster(lease.id, made["subnet"], made["group"])
    assert code_of(lambda: site.client("ec2").delete_subnet(SubnetId=made["subnet"])) == "DependencyViolation"
    receipt = site.down(lease)
    assert receipt.clean, receipt.document()
    assert gone_by(receipt, "kafka:cluster") == gone_by(receipt, "ec2:subnet") == {"direct"}


def test_an_interface_that_does_not_go_is_named_with_its_owner_and_the_lease_stays(
    site: Site, unhindered: Callable[[str], None]
) -> None:
    lease = site.lease()
    made = site.network(lease.id)
    unhindered(f"{FAILS}, eni_lingers_s: 4}}")
    arn = site.cluster(lease.id, made["subnet"], made["group"])
    receipt = site.down(lease, patience_s=1)
    assert not receipt.clean
    why = {item["kind"]: item["why"] for item in receipt.document()["left"]}
    assert arn in why["ec2:network-interface"]
    assert "requester" in why["ec2:network-interface"]
    assert "DependencyViolation" in why["ec2:subnet"]

    again = FileLedger().find(lease.id)
    assert again.state == "leaking"
    assert again.due() == "down"
    assert site.down(again).clean


def test_a_cluster_that_cannot_be_deleted_in_its_state_is_waited_for(
    site: Site, unhindered: Callable[[str], None]
) -> None:
    lease = site.lease()
    made = site.network(lease.id)
    unhindered(f"{FAILS}, create_s: 6}}")
    arn = site.cluster(lease.id, made["subnet"], made["group"])
    assert code_of(lambda: site.client("kafka").delete_cluster(ClusterArn=arn)) == "BadRequestException"
    refused = site.down(lease, patience_s=0)
    (cluster,) = [item for item in refused.document()["left"] if item["kind"] == "kafka:cluster"]
    assert "is CREATING" in cluster["why"]

    assert site.down(FileLedger().find(lease.id)).clean  # CREATING, then FAILED, then gone


@pytest.mark.parametrize("state", ["MAINTENANCE", "HEALING"])
def test_a_cluster_that_msk_is_busy_with_is_waited_for(
    site: Site, unhindered: Callable[[str], None], state: str
) -> None:
    lease = site.lease()
    made = site.network(lease.id)
    unhindered(f"{FAILS}, busy_s: 4, busy_state: {state}}}")
    arn = site.cluster(lease.id, made["subnet"], made["group"])
    kafka = site.client("kafka")
    assert wait_until(lambda: kafka.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]["State"] == state, deadline_s=30)
    assert code_of(lambda: kafka.delete_cluster(ClusterArn=arn)) == "BadRequestException"
    refused = site.down(lease, patience_s=0)
    (cluster,) = [item for item in refused.document()["left"] if item["kind"] == "kafka:cluster"]
    assert f"is {state}" in cluster["why"]
    assert site.down(FileLedger().find(lease.id)).clean


def test_a_cluster_that_failed_is_deleted(site: Site, unhindered: Callable[[str], None]) -> None:
    lease = site.lease()
    made = site.network(lease.id)
    unhindered(f"{FAILS}}}")
    arn = site.cluster(lease.id, made["subnet"], made["group"])
    kafka = site.client("kafka")
    assert wait_until(
        lambda: kafka.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]["State"] == "FAILED", deadline_s=30
    )
    receipt = site.down(lease)
    assert receipt.clean
    assert gone_by(receipt, "kafka:cluster") == {"direct"}
    assert code_of(lambda: kafka.describe_cluster_v2(ClusterArn=arn)) == "NotFoundException"


def test_a_versioned_bucket_goes_with_versions_markers_and_uploads(site: Site) -> None:
    lease, s3 = site.lease(), site.client("s3")
    bucket = f"ephk-{lease.id}-data"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": pair(lease.id)})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "a", "b"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key="a")
    s3.create_multipart_upload(Bucket=bucket, Key="big")
    assert code_of(lambda: s3.delete_bucket(Bucket=bucket)) == "BucketNotEmpty"
    assert site.down(lease).clean
    assert bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}


def test_what_object_lock_retains_is_said_with_its_date(site: Site) -> None:
    lease, s3 = site.lease(), site.client("s3")
    bucket = f"ephk-{lease.id}-locked"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": pair(lease.id)})
    until = datetime.now(UTC) + timedelta(days=2)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    (left,) = site.down(lease).document()["left"]
    assert f"Object Lock (COMPLIANCE) retains it until {until:%Y-%m-%d}" in left["why"]


def test_a_bucket_whose_maker_was_killed_before_it_could_be_tagged_goes_and_a_used_one_stays(site: Site) -> None:
    begun, used, s3 = site.lease(), site.lease(), site.client("s3")
    for lease in (begun, used):
        s3.create_bucket(Bucket=f"ephk-{lease.id}-{site.session.cloud.account_id}")
    assert site.down(begun).clean
    bucket = f"ephk-{used.id}-{site.session.cloud.account_id}"
    s3.put_object(Bucket=bucket, Key="somebody-s", Body=b"x")
    (left,) = site.down(used).document()["left"]
    assert "was not touched" in left["why"]
    s3.delete_object(Bucket=bucket, Key="somebody-s")
    assert site.down(FileLedger().find(used.id)).clean


def test_a_bucket_that_only_has_the_right_name_is_not_touched(site: Site) -> None:
    lease, s3 = site.lease(), site.client("s3")
    s3.create_bucket(Bucket=f"ephk-{lease.id}-foreign")
    (left,) = site.down(lease).document()["left"]
    assert "was not touched" in left["why"]
    s3.delete_bucket(Bucket=f"ephk-{lease.id}-foreign")  # it is still there


def test_a_secret_s_name_is_free_again_also_one_that_a_recovery_window_held(site: Site) -> None:
    lease, client = site.lease(), site.client("secretsmanager")
    name = f"AmazonMSK_ephk-{lease.id}-app"
    client.create_secret(Name=name, SecretString="x", Tags=pair(lease.id))
    client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert code_of(lambda: client.create_secret(Name=name, SecretString="y")) in (
        "InvalidRequestException",
        "ResourceExistsException",
    )
    assert site.down(lease).clean
    client.create_secret(Name=name, SecretString="y")


def test_a_key_is_pending_with_the_shortest_window_and_not_left(site: Site) -> None:
    lease, kms = site.lease(), site.client("kms")
    key = site.key(lease.id)
    kms.create_alias(AliasName=f"alias/ephk-{lease.id}", TargetKeyId=key)
    receipt = site.down(lease)
    assert receipt.clean
    (pending,) = receipt.document()["pending"]
    assert pending["identifier"].endswith(key)
    days = kms.describe_key(KeyId=key)["KeyMetadata"]["DeletionDate"] - datetime.now(UTC)
    assert timedelta(days=6) < days <= timedelta(days=7)
    assert gone_by(receipt, "kms:alias") == {"direct"}


def test_security_groups_that_name_each_other_go(site: Site) -> None:
    lease = site.lease()
    made = site.network(lease.id)
    other = site.group(lease.id, made["vpc"], "clients")
    site.refers(made["group"], other)
    site.refers(other, made["group"])
    assert code_of(lambda: site.client("ec2").delete_security_group(GroupId=other)) == "DependencyViolation"
    assert code_of(lambda: site.client("ec2").delete_vpc(VpcId=made["vpc"])) == "DependencyViolation"
    assert site.down(lease).clean


def test_a_foreign_group_that_names_ours_is_told_and_keeps_its_rule(site: Site) -> None:
    lease, ec2 = site.lease(), site.client("ec2")
    made = site.network(lease.id)
    foreign = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=made["vpc"])["GroupId"]
    site.refers(foreign, made["group"])
    why = {item["kind"]: item["why"] for item in site.down(lease, patience_s=0).document()["left"]}
    assert foreign in why["ec2:security-group"]
    assert ec2.describe_security_groups(GroupIds=[foreign])["SecurityGroups"][0]["IpPermissions"]


def test_roles_and_policies_go_with_what_hangs_on_them(site: Site) -> None:
    lease, iam = site.lease(), site.client("iam")
    name = f"ephk-{lease.id}-role"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(), Tags=pair(lease.id))
    iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy())
    made = iam.create_policy(PolicyName=f"ephk-{lease.id}-p", PolicyDocument=policy(), Tags=pair(lease.id))
    arn = made["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("s3:GetObject"))
    iam.create_instance_profile(InstanceProfileName=f"ephk-{lease.id}-profile", Tags=pair(lease.id))
    iam.add_role_to_instance_profile(InstanceProfileName=f"ephk-{lease.id}-profile", RoleName=name)
    assert code_of(lambda: iam.delete_role(RoleName=name)) == "DeleteConflict"
    assert code_of(lambda: iam.delete_policy(PolicyArn=arn)) == "DeleteConflict"
    assert site.down(lease).clean
    assert code_of(lambda: iam.get_role(RoleName=name)) == "NoSuchEntity"


def test_a_network_with_endpoints_goes_and_the_vpc_last(site: Site) -> None:
    lease, ec2 = site.lease(), site.client("ec2")
    made = site.network(lease.id)
    table = ec2.create_route_table(VpcId=made["vpc"], TagSpecifications=spec("route-table", lease.id))
    ec2.associate_route_table(RouteTableId=table["RouteTable"]["RouteTableId"], SubnetId=made["subnet"])
    ec2.create_vpc_endpoint(
        VpcId=made["vpc"],
        ServiceName="com.amazonaws.us-east-1.kms",
        VpcEndpointType="Interface",
        SubnetIds=[made["subnet"]],
        SecurityGroupIds=[made["group"]],
        TagSpecifications=spec("vpc-endpoint", lease.id),
    )
    site.client("logs").create_log_group(logGroupName=f"/ephk/{lease.id}/brokers", tags={tags.LEASE: lease.id})
    receipt = site.down(lease)
    assert receipt.clean, receipt.document()
    assert receipt.deleted[-1].kind == "ec2:vpc"
    assert take_inventory(site.session, lease.id).found == ()


def authority(site: Site, common_name: str, **arguments: Any) -> str:
    """Make a private CA and return its ARN."""
    configuration = {
        "KeyAlgorithm": "RSA_2048",
        "SigningAlgorithm": "SHA256WITHRSA",
        "Subject": {"CommonName": common_name},
    }
    made = site.client("acm-pca").create_certificate_authority(
        CertificateAuthorityConfiguration=configuration, CertificateAuthorityType="ROOT", **arguments
    )
    return str(made["CertificateAuthorityArn"])


def test_an_authority_is_pending_with_the_shortest_restoration(site: Site) -> None:
    lease = site.lease()
    arn = authority(site, "leak", Tags=pair(lease.id))
    receipt = site.down(lease)
    assert receipt.clean
    assert [item["identifier"] for item in receipt.document()["pending"]] == [arn]


def test_an_authority_whose_tags_cannot_be_listed_in_its_state_is_known_by_its_name_and_others_do_not_count(
    site: Site, unhindered: Callable[[str], None]
) -> None:
    lease = site.lease()
    authority(site, "somebody else's")
    refusal = "{code: InvalidStateException, message: The private CA is not in a correct state., status: 400}"
    unhindered(f"rules: [{{service: acm-pca, operation: ListTags, error: {refusal}}}]")
    assert take_inventory(site.session, lease.id).unanswered == ()
    ours = authority(site, f"ephk-{lease.id} clients", Tags=pair(lease.id))
    left = take_inventory(site.session, lease.id).left
    assert [(item.identifier, item.tags) for item in left] == [(ours, None)]
    unhindered("{}")
    assert site.down(lease).clean


def test_a_denied_deletion_is_reported_after_one_attempt(site: Site, unhindered: Callable[[str], None]) -> None:
    lease = site.lease()
    made = site.network(lease.id)
    denied = "{code: UnauthorizedOperation, message: not you, status: 403}"
    unhindered(f"rules: [{{service: ec2, operation: DeleteSubnet, error: {denied}, times: 1}}]")
    # One refusal and no second attempt: with a retry the subnet would be gone.
    left = {item["identifier"]: item["why"] for item in site.down(lease, patience_s=2).document()["left"]}
    assert "UnauthorizedOperation" in left[made["subnet"]]


def test_a_deletion_that_is_reported_and_did_not_happen_is_named_and_the_lease_stays(
    site: Site, unhindered: Callable[[str], None]
) -> None:
    lease = site.lease()
    made = site.network(lease.id)
    unhindered("rules: [{service: ec2, operation: DeleteSubnet, pretend: true}]")
    site.client("ec2").delete_subnet(SubnetId=made["subnet"])  # so it says
    receipt = site.down(lease, patience_s=1)
    left = {item["identifier"]: item["why"] for item in receipt.document()["left"]}
    assert left[made["subnet"]] == "was reported as deleted, and it is still there"
    assert made["subnet"] not in {item.name for item in receipt.deleted}
    assert FileLedger().find(lease.id).state == "leaking"
    unhindered("{}")
    assert site.down(FileLedger().find(lease.id)).clean


def test_what_a_question_finds_that_was_not_answered_at_first_goes_too(
    site: Site, unhindered: Callable[[str], None]
) -> None:
    lease, iam = site.lease(), site.client("iam")
    site.network(lease.id)
    iam.create_role(RoleName=f"ephk-{lease.id}-role", AssumeRolePolicyDocument=trust(), Tags=pair(lease.id))
    denied = "{code: AccessDenied, status: 403}"
    unhindered(f"rules: [{{service: iam, operation: ListRoles, error: {denied}, times: 1}}]")
    receipt = site.down(lease)
    assert receipt.clean, receipt.document()
    assert gone_by(receipt, "iam:role") == {"direct"}


def test_an_orphan_goes_and_what_carries_no_tag_stays(site: Site) -> None:

    live = site.lease(expired=False)
    kept, orphan = site.network(live.id), site.network("nobodyss")
    site.client("iam").create_role(RoleName="odd-name", AssumeRolePolicyDocument=trust(), Tags=pair("nobodyss"))
    foreign = site.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    reaper = Reaper(FileLedger(), SilentProgress(), patience_s=5)
    planned = reaper.orphans("embedded", grace=None, dry_run=True)
    (mine,) = [one for one in planned.reaped if one.orphan.lease == "nobodyss"]
    assert mine.orphan.kinds() == {"ec2:security-group": 1, "ec2:subnet": 1, "ec2:vpc": 1, "iam:role": 1}
    assert mine.deleted == ()
    assert reaper.orphans("embedded", grace=None, dry_run=False).clean
    vpcs = {vpc["VpcId"] for vpc in site.client("ec2").describe_vpcs()["Vpcs"]}
    assert {kept["vpc"], foreign} <= vpcs
    assert orphan["vpc"] not in vpcs
    assert code_of(lambda: site.client("iam").get_role(RoleName="odd-name")) == "NoSuchEntity"
    assert site.down(live).clean


def test_many_leases_go_in_one_round_and_nobody_else_s(site: Site) -> None:

    over = [site.lease() for _ in range(3)]
    live = site.lease(expired=False)
    networks = {lease.id: site.network(lease.id) for lease in (*over, live)}
    reaper = Reaper(FileLedger(), SilentProgress(), patience_s=5)
    plan = {one.due.lease.id: one for one in reaper.plan()}
    assert set(plan) >= {lease.id for lease in over}
    assert live.id not in plan
    receipts, skipped = reaper.reap({lease.id for lease in (*over, live)})
    assert {receipt.lease.id for receipt in receipts} == {lease.id for lease in over}
    assert skipped == []
    assert all(receipt.clean for receipt in receipts)
    vpcs = {vpc["VpcId"] for vpc in site.client("ec2").describe_vpcs()["Vpcs"]}
    assert [network["vpc"] in vpcs for network in networks.values()] == [False, False, False, True]
    assert site.down(live).clean
