"""What moto does otherwise than AWS, corrected."""

from __future__ import annotations

import boto3
from moto import mock_aws

from orchestrator.embedded.gateway import moto_fixes


def test_a_bucket_whose_versioning_was_suspended_is_emptied_of_delete_markers() -> None:
    """A teardown takes the versioning away first, and an object that somebody deleted has left a marker."""
    moto_fixes.apply("s3")
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        s3.create_bucket(Bucket="data")
        s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="data", Key="k", Body=b"x")
        s3.delete_object(Bucket="data", Key="k")
        s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Suspended"})
        listed = s3.list_object_versions(Bucket="data")
        doomed = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in [*listed["Versions"], *listed["DeleteMarkers"]]
        ]
        assert len(doomed) == 2
        s3.delete_objects(Bucket="data", Delete={"Objects": doomed})
        s3.delete_bucket(Bucket="data")
