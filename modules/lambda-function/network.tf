# Permissions for a VPC: with the role, Lambda creates, finds and deletes network interfaces. The function's own code may not.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions

locals {
  ec2 = "arn:${local.partition}:ec2:${local.region}"

  # In any account, because subnets and security groups may be shared. An interface has no ARN before it is created.
  create_interfaces = {
    sid     = "CreateNetworkInterfaces"
    actions = ["ec2:CreateNetworkInterface"]
    resources = concat(
      ["${local.ec2}:${local.account}:network-interface/*"],
      [for id in try(var.vpc.subnet_ids, []) : "${local.ec2}:*:subnet/${id}"],
      [for id in try(var.vpc.security_group_ids, []) : "${local.ec2}:*:security-group/${id}"],
    )
    condition = null
  }

  # With network-interface/* alone, Lambda reports that it may not delete.
  remove_interfaces = {
    sid       = "RemoveNetworkInterfaces"
    actions   = ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"]
    resources = ["${local.ec2}:${local.account}:*/*"]
    condition = null
  }

  # EC2 has no ARNs for these actions.
  find_interfaces = {
    sid       = "FindNetworkInterfaces"
    actions   = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    resources = ["*"]
    condition = null
  }

  # Calls by the function's own code contain its ARN. Lambda's calls do not.
  not_by_code = {
    sid       = "NotByTheFunctionsCode"
    effect    = "Deny"
    actions   = concat(local.create_interfaces.actions, local.remove_interfaces.actions, local.find_interfaces.actions)
    resources = ["*"]
    condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}"] } }
  }

  network = [
    for statement in [local.create_interfaces, local.remove_interfaces, local.find_interfaces, local.not_by_code] : statement if var.vpc != null
  ]
}
