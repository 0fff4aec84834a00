# What must not be applied: each of these is a mistake that somebody has made.
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
}

resource "aws_vpc" "main" {
  cidr_block = "10.60.0.0/16"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  count                   = 2
  vpc_id                  = aws_vpc.main.id
  cidr_block              = cidrsubnet("10.60.0.0/16", 8, count.index)
  availability_zone       = "us-east-1a"
  map_public_ip_on_launch = true
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id       = aws_vpc.main.id
  service_name = "com.amazonaws.us-east-1.s3"
}

resource "aws_security_group" "inline" {
  name   = "inline"
  vpc_id = aws_vpc.main.id
  ingress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "rules" {
  name   = "rules"
  vpc_id = aws_vpc.main.id
}

resource "aws_security_group_rule" "plaintext" {
  type              = "ingress"
  security_group_id = aws_security_group.rules.id
  from_port         = 9092
  to_port           = 9092
  protocol          = "tcp"
  ipv6_cidr_blocks  = ["::/0"]
}

resource "aws_security_group_rule" "office" {
  type              = "ingress"
  security_group_id = aws_security_group.rules.id
  from_port         = 9094
  to_port           = 9094
  protocol          = "tcp"
  cidr_blocks       = ["10.0.0.0/8"]
}

resource "aws_msk_configuration" "main" {
  name              = "loose"
  kafka_versions    = ["3.6.0"]
  server_properties = <<-EOT
    auto.create.topics.enable = true
    default.replication.factor = 2
    min.insync.replicas = 2
    unclean.leader.election.enable = true
  EOT
}

resource "aws_msk_cluster" "main" {
  cluster_name           = "loose"
  kafka_version          = "3.6.0"
  number_of_broker_nodes = 4

  broker_node_group_info {
    instance_type   = "kafka.t3.small"
    client_subnets  = [aws_subnet.public[0].id, aws_subnet.public[1].id]
    security_groups = [aws_security_group.inline.id, aws_security_group.rules.id]
    connectivity_info {
      public_access {
        type = "SERVICE_PROVIDED_EIPS"
      }
    }
    storage_info {
      ebs_storage_info {
        volume_size = 10
      }
    }
  }

  client_authentication {
    unauthenticated = true
    sasl {
      scram = true
    }
  }

  configuration_info {
    arn      = aws_msk_configuration.main.arn
    revision = aws_msk_configuration.main.latest_revision
  }

  encryption_info {
    encryption_in_transit {
      client_broker = "TLS_PLAINTEXT"
      in_cluster    = false
    }
  }
}

resource "aws_msk_cluster" "bare" {
  cluster_name           = "bare"
  kafka_version          = "3.6.0"
  number_of_broker_nodes = 3
  broker_node_group_info {
    instance_type   = "kafka.m5.large"
    client_subnets  = ["subnet-0aaa", "subnet-0bbb"]
    security_groups = ["sg-0ccc"]
  }
}

resource "aws_msk_serverless_cluster" "main" {
  cluster_name = "loose-serverless"
  client_authentication {
    sasl {
      iam {
        enabled = false
      }
    }
  }
  vpc_config {
    subnet_ids         = aws_subnet.public[*].id
    security_group_ids = [aws_security_group.inline.id]
  }
}

resource "aws_secretsmanager_secret" "user" {
  name = "orders-user"
}

resource "aws_secretsmanager_secret_version" "user" {
  secret_id     = aws_secretsmanager_secret.user.id
  secret_string = jsonencode({ username = "orders", password = "correct horse battery staple" })
}

resource "aws_msk_scram_secret_association" "one" {
  cluster_arn     = aws_msk_cluster.main.arn
  secret_arn_list = [aws_secretsmanager_secret.user.arn]
}

resource "aws_msk_scram_secret_association" "two" {
  cluster_arn     = aws_msk_cluster.main.arn
  secret_arn_list = [aws_secretsmanager_secret.user.arn]
}

resource "aws_s3_bucket" "archive" {
  bucket        = "loose-archive"
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "archive" {
  bucket              = aws_s3_bucket.archive.id
  block_public_acls   = true
  block_public_policy = false
}

resource "aws_s3_bucket_policy" "archive" {
  bucket = aws_s3_bucket.archive.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::loose-archive/*"
    }]
  })
}

resource "aws_s3_bucket_versioning" "archive" {
  bucket = aws_s3_bucket.archive.id
  versioning_configuration {
    status = "Suspended"
  }
}

resource "aws_iam_role" "wide" {
  name = "wide"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "*" }
    }]
  })
}

resource "aws_iam_policy" "boundary" {
  name = "boundary"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["kafka-cluster:*"], Resource = "*" }]
  })
}

resource "aws_iam_role" "bounded" {
  name                 = "bounded"
  permissions_boundary = aws_iam_policy.boundary.arn
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy" "wide" {
  name = "wide"
  role = aws_iam_role.wide.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "kafka-cluster:*", Resource = "*" },
      { Effect = "Allow", Action = "kafka:*", Resource = "*" },
      { Effect = "Allow", Action = "iam:PassRole", Resource = "*" },
      { Effect = "Allow", Action = "iam:CreatePolicyVersion", Resource = "*" },
    ]
  })
}

resource "aws_iam_role_policy" "unknown" {
  name = "unknown"
  role = aws_iam_role.bounded.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "kafka-cluster:Connect", Resource = aws_msk_cluster.main.arn }]
  })
}

resource "aws_mskconnect_custom_plugin" "sink" {
  name         = "loose-sink"
  content_type = "ZIP"
  location {
    s3 {
      bucket_arn = aws_s3_bucket.archive.arn
      file_key   = "plugins/sink-latest.zip"
    }
  }
}

resource "aws_mskconnect_connector" "sink" {
  name                 = "loose-sink"
  kafkaconnect_version = "2.7.1"
  capacity {
    autoscaling {
      min_worker_count = 1
      max_worker_count = 2
      scale_in_policy {
        cpu_utilization_percentage = 20
      }
      scale_out_policy {
        cpu_utilization_percentage = 80
      }
    }
  }
  connector_configuration = {
    "connector.class" = "com.example.Sink"
    "tasks.max"       = "1"
    "topics"          = "orders"
    "store.password"  = "correct horse battery staple"
  }
  kafka_cluster {
    apache_kafka_cluster {
      bootstrap_servers = aws_msk_cluster.main.bootstrap_brokers
      vpc {
        security_groups = [aws_security_group.inline.id]
        subnets         = aws_subnet.public[*].id
      }
    }
  }
  kafka_cluster_client_authentication {
    authentication_type = "NONE"
  }
  kafka_cluster_encryption_in_transit {
    encryption_type = "PLAINTEXT"
  }
  plugin {
    custom_plugin {
      arn      = aws_mskconnect_custom_plugin.sink.arn
      revision = aws_mskconnect_custom_plugin.sink.latest_revision
    }
  }
  service_execution_role_arn = aws_iam_role.bounded.arn
}
