# Tables whose items carry a connectionId: their keys are read from the tables themselves, so that a plan finds out what would fail at night.

data "aws_dynamodb_table" "related" {
  for_each = { for table in var.related_tables : table.name => table }

  name = each.key

  lifecycle {
    postcondition {
      condition     = each.value.index != null || self.hash_key == each.value.connection_id_attribute
      error_message = "The partition key of table ${each.key} is ${self.hash_key}, not ${each.value.connection_id_attribute}. Correct connection_id_attribute, or name the index that has it as its partition key (index = \"…\")."
    }

    postcondition {
      condition = each.value.index == null || anytrue([
        for index in self.global_secondary_index :
        index.name == each.value.index && index.hash_key == each.value.connection_id_attribute
      ])
      error_message = "Table ${each.key} has no global secondary index ${coalesce(each.value.index, "-")} with the partition key ${each.value.connection_id_attribute}. It has: ${join(", ", [for index in self.global_secondary_index : "${index.name} (${index.hash_key})"])}."
    }

    postcondition {
      condition     = contains([for a in self.attribute : "${a.name} ${a.type}"], "${each.value.connection_id_attribute} S")
      error_message = "The attribute ${each.value.connection_id_attribute} of table ${each.key} must be a key of type String (S): connection ids are strings."
    }
  }
}

locals {
  related_tables = [
    for table in var.related_tables : {
      table     = table.name
      attribute = table.connection_id_attribute
      index     = table.index
      keys      = compact([data.aws_dynamodb_table.related[table.name].hash_key, data.aws_dynamodb_table.related[table.name].range_key])
    }
  ]

  related_keys = compact(flatten([for table in data.aws_dynamodb_table.related : table.server_side_encryption[*].kms_key_arn]))
}
