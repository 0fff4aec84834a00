"""SCRAM secrets become users of the brokers, or entries that say why not."""

from __future__ import annotations

import json

import pytest

from orchestrator.processes import wait_until


@pytest.fixture
def cluster(world):
    return world.active()


def _associate(world, cluster, *arns):
    return world.call("BatchAssociateScramSecret", ClusterArn=cluster, SecretArnList=list(arns))


def _disassociate(world, cluster, *arns):
    return world.call("BatchDisassociateScramSecret", ClusterArn=cluster, SecretArnList=list(arns))


def test_a_secret_becomes_a_user_and_gets_msks_policy(world, cluster):
    arn = world.secret()
    assert _associate(world, cluster, arn) == {"ClusterArn": cluster, "UnprocessedScramSecrets": []}
    assert world.made[0].users == {"amazonmsk_orders": "pw"}
    assert world.call("ListScramSecrets", ClusterArn=cluster)["SecretArnList"] == [arn]
    statement = json.loads(world.moto.secret(arn).policy)["Statement"][0]
    assert statement["Principal"] == {"Service": "kafka.amazonaws.com"}

    assert _disassociate(world, cluster, arn)["UnprocessedScramSecrets"] == []
    assert world.made[0].users == {}
    assert world.call("ListScramSecrets", ClusterArn=cluster)["SecretArnList"] == []
    assert world.moto.secret(arn).policy is None


def test_a_policy_that_a_person_wrote_stays(world, cluster):
    theirs = {"Version": "2012-10-17", "Statement": [{"Sid": "Mine", "Effect": "Deny"}]}
    arn = world.secret(policy=json.dumps(theirs))
    _associate(world, cluster, arn)
    assert [s["Sid"] for s in json.loads(world.moto.secret(arn).policy)["Statement"]] == [
        "Mine",
        "AWSKafkaResourcePolicy",
    ]
    _disassociate(world, cluster, arn)
    assert json.loads(world.moto.secret(arn).policy) == theirs


def test_deleting_the_cluster_releases_the_secret(world, cluster):
    arn = world.secret()
    _associate(world, cluster, arn)
    world.call("DeleteCluster", ClusterArn=cluster)
    world.wait_gone(cluster)
    assert world.moto.secret(arn).policy is None


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("orders", {}, "must have the prefix 'AmazonMSK_'"),
        ("AmazonMSK_default", {"kms_key_id": None}, "default Secrets Manager key"),
        ("AmazonMSK_alias", {"kms_key_id": "alias/aws/secretsmanager"}, "default Secrets Manager key"),
        ("AmazonMSK_text", {"value": "not json"}, '"username"'),
        ("AmazonMSK_list", {"value": "[]"}, '"username"'),
        ("AmazonMSK_part", {"value": '{"username": "x"}'}, '"username"'),
        ("AmazonMSK_type", {"value": '{"username": "x", "password": 5}'}, '"username"'),
    ],
)
def test_unusable_secrets_are_named_and_the_others_processed(world, cluster, name, options, words):
    bad, good = world.secret(name, **options), world.secret("AmazonMSK_good")
    answer = _associate(world, cluster, bad, good)
    assert [entry["SecretArn"] for entry in answer["UnprocessedScramSecrets"]] == [bad]
    assert words in answer["UnprocessedScramSecrets"][0]["ErrorMessage"]
    assert list(world.made[0].users) == ["amazonmsk_good"]
    assert world.moto.secret(bad).policy is None


def test_secrets_that_are_not_there(world, cluster):
    region = f"arn:aws:secretsmanager:eu-west-1:{world.account}:secret:AmazonMSK_x-abcdef"
    missing = f"arn:aws:secretsmanager:us-east-1:{world.account}:secret:AmazonMSK_x-abcdef"
    answer = _associate(world, cluster, region, missing, "nonsense")["UnprocessedScramSecrets"]
    assert {entry["ErrorCode"] for entry in answer} == {"InvalidSecretArn"}
    assert "wasn't able to access" in answer[1]["ErrorMessage"]


def test_twice_is_told_and_changes_nothing(world, cluster):
    arn = world.secret()
    _associate(world, cluster, arn)
    again = _associate(world, cluster, arn)["UnprocessedScramSecrets"]
    assert "already associated" in again[0]["ErrorMessage"]
    twin = world.secret("AmazonMSK_twin", value='{"username": "amazonmsk_orders", "password": "other"}')
    assert "same username" in _associate(world, cluster, twin)["UnprocessedScramSecrets"][0]["ErrorMessage"]
    assert world.made[0].users == {"amazonmsk_orders": "pw"}
    unknown = _disassociate(world, cluster, twin)["UnprocessedScramSecrets"]
    assert "isn't associated" in unknown[0]["ErrorMessage"]


def test_the_request_itself_is_checked(world, cluster):
    assert world.refused("BatchAssociateScramSecret", ClusterArn=cluster, SecretArnList=[]).status == 400
    assert world.refused("BatchAssociateScramSecret", ClusterArn=cluster, SecretArnList=["x"] * 11).status == 400
    iam_only = world.active("iam", ClientAuthentication={"Sasl": {"Iam": {"Enabled": True}}})
    refusal = world.refused("BatchAssociateScramSecret", ClusterArn=iam_only, SecretArnList=["x"])
    assert "SASL/SCRAM" in refusal.message


def test_brokers_that_refuse_leave_no_association(world, cluster):
    world.made[0].failures["put_scram_user"] = RuntimeError("no controller")
    arn = world.secret()
    refusal = world.refused("BatchAssociateScramSecret", ClusterArn=cluster, SecretArnList=[arn])
    assert (refusal.code, refusal.status) == ("InternalServerErrorException", 500)
    assert "no controller" not in refusal.message
    assert world.call("ListScramSecrets", ClusterArn=cluster)["SecretArnList"] == []
    assert world.moto.secret(arn).policy is None


def test_the_scenario_delays_the_user(world, cluster):
    world.scenario(scram_s=0.2)
    _associate(world, cluster, world.secret())
    assert world.made[0].users == {}
    assert wait_until(lambda: world.made[0].users, deadline_s=30)


def _rotate(world, arn, **value):
    world.moto.backend("secretsmanager").put_secret_value(
        secret_id=arn,
        secret_string=json.dumps(value),
        secret_binary=None,
        client_request_token=None,
        version_stages=None,
    )


def test_a_rotated_password_reaches_the_brokers(world, cluster):
    arn = world.secret()
    _associate(world, cluster, arn)
    _rotate(world, arn, username="amazonmsk_orders", password="rotated")
    assert wait_until(lambda: world.made[0].users == {"amazonmsk_orders": "rotated"}, deadline_s=30)


def test_a_changed_username_is_not_another_user(world, cluster):
    first, second = world.secret(), world.secret("AmazonMSK_second")
    _associate(world, cluster, first, second)
    _rotate(world, first, username="root", password="x")
    _rotate(world, second, username="amazonmsk_second", password="rotated")
    assert wait_until(lambda: world.made[0].users.get("amazonmsk_second") == "rotated", deadline_s=30)
    assert world.made[0].users == {"amazonmsk_orders": "pw", "amazonmsk_second": "rotated"}
