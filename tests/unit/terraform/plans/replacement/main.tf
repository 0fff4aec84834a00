# A change of names and subnets, which Terraform answers with new resources: the old ones' data would be gone.
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

resource "aws_s3_bucket" "archive" {
  bucket = "orders-archive-2"
}

resource "aws_cloudwatch_log_group" "kept" {
  name              = "/orders/kept"
  retention_in_days = 30
}
