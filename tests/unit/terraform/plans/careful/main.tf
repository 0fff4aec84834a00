# What a careful team writes: MSK with SCRAM and IAM, Connect, a bucket, least roles.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "plan-only"
  secret_key                  = "plan-only"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  default_tags {
    tags = { team = "orders" }
  }
}

variable "password" {
  type      = string
  sensitive = true
}

locals {
  name    = "orders"
  account = "111122223333"
  cluster = "arn:aws:kafka:us-east-1:111122223333:cluster/orders/*"
}

module "network" {
  source = "./network"
  name   = local.name
  zones  = ["us-east-1a", "us-east-1b", "us-east-1c"]
}

resource "aws_kms_key" "data" {
  description         = "Orders"
  enable_key_rotation = true
}

resource "aws_s3_bucket" "archive" {
  bucket = "${local.name}-archive"
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket                  = aws_s3_bucket.archive.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  bucket = aws_s3_bucket.archive.id
  rule {
    id     = "expire"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
  }
}

data "aws_iam_policy_document" "tls_only" {
  statement {
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = ["arn:aws:s3:::${local.name}-archive", "arn:aws:s3:::${local.name}-archive/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "archive" {
  bucket = aws_s3_bucket.archive.id
  policy = data.aws_iam_policy_document.tls_only.json
}

resource "aws_iam_policy" "boundary" {
  name = "${local.name}-boundary"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["kafka-cluster:*", "s3:GetObject", "s3:PutObject", "s3:ListBucket", "logs:*"]
      Resource = "*"
    }]
  })
}

resource "aws_iam_role" "connect" {
  name                 = "${local.name}-connect"
  permissions_boundary = aws_iam_policy.boundary.arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "kafkaconnect.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "connect" {
  name = "cluster"
  role = aws_iam_role.connect.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"], Resource = local.cluster },
      {
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
        Resource = "arn:aws:kafka:us-east-1:111122223333:topic/orders/*/orders"
      },
    ]
  })
}

resource "aws_secretsmanager_secret" "user" {
  name                    = "AmazonMSK_${local.name}"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "user" {
  secret_id     = aws_secretsmanager_secret.user.id
  secret_string = jsonencode({ username = "orders", password = var.password })
}

resource "aws_cloudwatch_log_group" "brokers" {
  name              = "/orders/brokers"
  retention_in_days = 30
}

resource "aws_msk_configuration" "main" {
  name              = local.name
  kafka_versions    = ["3.9.x.kraft"]
  server_properties = <<-EOT
    allow.everyone.if.no.acl.found=false
    auto.create.topics.enable=false
    default.replication.factor=3
    min.insync.replicas=2
    unclean.leader.election.enable=false
  EOT
}

resource "aws_msk_cluster" "main" {
  cluster_name           = local.name
  kafka_version          = "3.9.x.kraft"
  number_of_broker_nodes = 3
  enhanced_monitoring    = "PER_BROKER"

  broker_node_group_info {
    instance_type   = "kafka.m7g.large"
    client_subnets  = module.network.subnet_ids
    security_groups = [module.network.broker_group]
    storage_info {
      ebs_storage_info {
        volume_size = 100
      }
    }
  }

  client_authentication {
    sasl {
      scram = true
      iam   = true
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.main.arn
    revision = aws_msk_configuration.main.latest_revision
  }

  encryption_info {
    encryption_at_rest_kms_key_arn = aws_kms_key.data.arn
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }

  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.brokers.name
      }
    }
  }
}

resource "aws_msk_single_scram_secret_association" "user" {
  cluster_arn = aws_msk_cluster.main.arn
  secret_arn  = aws_secretsmanager_secret.user.arn
}

resource "aws_appautoscaling_target" "storage" {
  min_capacity       = 1
  max_capacity       = 1000
  resource_id        = aws_msk_cluster.main.arn
  scalable_dimension = "kafka:broker-storage:VolumeSize"
  service_namespace  = "kafka"
}

resource "aws_appautoscaling_policy" "storage" {
  name               = "storage"
  policy_type        = "TargetTrackingScaling"
  resource_id        = aws_msk_cluster.main.arn
  scalable_dimension = aws_appautoscaling_target.storage.scalable_dimension
  service_namespace  = aws_appautoscaling_target.storage.service_namespace
  target_tracking_scaling_policy_configuration {
    predefined_metric_specification {
      predefined_metric_type = "KafkaBrokerStorageUtilization"
    }
    target_value     = 60
    disable_scale_in = true
  }
}

resource "aws_mskconnect_custom_plugin" "sink" {
  name         = "orders-sink"
  content_type = "ZIP"
  location {
    s3 {
      bucket_arn     = aws_s3_bucket.archive.arn
      file_key       = "plugins/sink-1.4.0.zip"
      object_version = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"
    }
  }
}

resource "aws_mskconnect_connector" "sink" {
  name                 = "orders-sink"
  kafkaconnect_version = "3.7.x"
  capacity {
    provisioned_capacity {
      mcu_count    = 1
      worker_count = 2
    }
  }
  connector_configuration = {
    "connector.class" = "com.example.Sink"
    "tasks.max"       = "2"
    "topics"          = "orders"
    "store.password"  = var.password
  }
  kafka_cluster {
    apache_kafka_cluster {
      bootstrap_servers = aws_msk_cluster.main.bootstrap_brokers_sasl_iam
      vpc {
        security_groups = [module.network.broker_group]
        subnets         = module.network.subnet_ids
      }
    }
  }
  kafka_cluster_client_authentication {
    authentication_type = "IAM"
  }
  kafka_cluster_encryption_in_transit {
    encryption_type = "TLS"
  }
  log_delivery {
    worker_log_delivery {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.brokers.name
      }
    }
  }
  plugin {
    custom_plugin {
      arn      = aws_mskconnect_custom_plugin.sink.arn
      revision = aws_mskconnect_custom_plugin.sink.latest_revision
    }
  }
  service_execution_role_arn = aws_iam_role.connect.arn
}
