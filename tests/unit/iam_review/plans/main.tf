terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region                      = "us-east-1"
  access_key                  = "x"
  secret_key                  = "x"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}
locals {
  trust = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = "arn:aws:iam::111122223333:root" } }] })
}
resource "aws_iam_policy" "boundary" {
  name   = "orders-boundary"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:*", "kafka-cluster:*"], Resource = "*" }] })
}
resource "aws_iam_policy" "read" {
  name   = "orders-read"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "arn:aws:s3:::acme-orders/*" }] })
}
resource "aws_iam_role" "app" {
  for_each             = toset(["blue", "green"])
  name                 = "orders-${each.key}"
  assume_role_policy   = local.trust
  permissions_boundary = aws_iam_policy.boundary.arn
}
resource "aws_iam_role_policy_attachment" "read" {
  for_each   = aws_iam_role.app
  role       = aws_iam_role.app[each.key].name
  policy_arn = aws_iam_policy.read.arn
}
resource "aws_iam_role_policy" "unknown" {
  name   = "by-output"
  role   = aws_iam_role.app["blue"].id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:PutObject", Resource = "${aws_s3_bucket.data.arn}/*" }] })
}
resource "aws_s3_bucket" "data" {
  bucket_prefix = "acme-orders-"
}
resource "aws_s3_bucket" "archive" {
  bucket = "acme-archive"
}
resource "aws_s3_bucket_policy" "archive" {
  bucket = aws_s3_bucket.archive.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = "s3:GetObject", Resource = "arn:aws:s3:::acme-archive/*" }] })
}
resource "aws_kms_key" "data" {}
module "sink" {
  source   = "./m"
  boundary = aws_iam_policy.boundary.arn
  trust    = local.trust
}
resource "aws_iam_role_policy" "sink" {
  name   = "sink"
  role   = module.sink.role
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "kafka-cluster:*", Resource = "*" }] })
}
