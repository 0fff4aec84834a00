variable "boundary" { type = string }
variable "trust" { type = string }
resource "aws_iam_role" "this" {
  name_prefix          = "orders-sink-"
  assume_role_policy   = var.trust
  permissions_boundary = var.boundary
}
output "role" { value = aws_iam_role.this.name }
