variable "name" { type = string }
variable "zones" { type = list(string) }

resource "aws_vpc" "this" {
  cidr_block = "10.60.0.0/16"
}

resource "aws_subnet" "private" {
  for_each          = toset(var.zones)
  vpc_id            = aws_vpc.this.id
  cidr_block        = cidrsubnet("10.60.0.0/16", 8, index(var.zones, each.key))
  availability_zone = each.key
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.us-east-1.s3"
  route_table_ids = [aws_route_table.private.id]
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
      Resource  = ["arn:aws:s3:::${var.name}-archive", "arn:aws:s3:::${var.name}-archive/*"]
    }]
  })
}

resource "aws_security_group" "clients" {
  name   = "${var.name}-clients"
  vpc_id = aws_vpc.this.id
}

resource "aws_security_group" "brokers" {
  name   = "${var.name}-brokers"
  vpc_id = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "listener" {
  for_each                     = toset(["9096", "9098"])
  security_group_id            = aws_security_group.brokers.id
  referenced_security_group_id = aws_security_group.clients.id
  ip_protocol                  = "tcp"
  from_port                    = tonumber(each.key)
  to_port                      = tonumber(each.key)
}

output "vpc_id" { value = aws_vpc.this.id }
output "subnet_ids" { value = [for zone in var.zones : aws_subnet.private[zone].id] }
output "broker_group" { value = aws_security_group.brokers.id }
