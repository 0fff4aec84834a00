"""What applying a plan would take away: the one contract that looks at the change and not at what comes of it."""

from __future__ import annotations

from contracts.terraform.model import Options, Verdict, plan_contract
from orchestrator.terraform.plan import Change, Plan

#: What holds data, or without which data cannot be read, and what is gone with it.
STATEFUL = {
    "aws_msk_cluster": "every topic, offset and ACL of the cluster",
    "aws_msk_serverless_cluster": "every topic and offset of the cluster",
    "aws_s3_bucket": "the bucket's objects",
    "aws_s3_object": "the object",
    "aws_kms_key": "whatever the key encrypts",
    "aws_kms_replica_key": "whatever the key encrypts in its region",
    "aws_secretsmanager_secret": "the secret, and the sign-in of whoever uses it",
    "aws_cloudwatch_log_group": "the logs",
    "aws_ebs_volume": "the volume's data",
    "aws_efs_file_system": "the file system's data",
    "aws_dynamodb_table": "the table's items",
    "aws_db_instance": "the database",
    "aws_rds_cluster": "the database",
    "aws_elasticache_replication_group": "the cache's data",
    "aws_opensearch_domain": "the domain's indices",
    "aws_glue_registry": "the registry's schemas",
    "aws_glue_schema": "the schema's versions",
}


def _nothing_changes(plan: Plan, _options: Options) -> str:
    return "it is a state, which changes nothing" if plan.form == "state" else ""


@plan_contract(
    "terraform.change.no-data-loss",
    title="Applying the plan loses no data",
    risk="Applying a plan destroys a cluster, bucket or key, with what is in it",
    statement="The plan deletes and replaces no resource that holds data",
    remediation=(
        "Change what forces the replacement, move the data first, or agree to it by address in ephk-policy.yaml "
        "(terraform.accept)"
    ),
    documentation="Terraform, The lifecycle meta-argument: prevent_destroy",
    applies=_nothing_changes,
)
def no_data_loss(plan: Plan, verdict: Verdict) -> None:
    """Read the actions; `forget` leaves the resource as it is, and is nobody's loss."""
    for change in plan.changes:
        if change.type in STATEFUL and "delete" in change.actions:
            verdict.fails(change.address, _told(change))
    for address in plan.deferred:
        verdict.not_known(address, "Terraform defers it to a later plan")
    if plan.document.get("complete") is False and not plan.deferred:
        verdict.not_known("the plan", "it is not complete, by its own word")
    kept = [change for change in plan.changes if change.type in STATEFUL and "delete" not in change.actions]
    verdict.holds("the plan", f"{len(plan.changes)} changes, {len(kept)} resources that hold data are kept")


def _told(change: Change) -> str:
    what = STATEFUL[change.type]
    if change.deposed:
        return f"an object that an earlier replacement left is deleted, with {what}"
    if "create" in change.actions:
        why = f" because of {', '.join(change.because)}" if change.because else ""
        return f"it is replaced{why}: {what} would be lost"
    why = f" ({change.reason.replace('_', ' ')})" if change.reason else ""
    return f"it is deleted{why}: {what} would be lost"
