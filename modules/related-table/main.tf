# A table whose items carry a connectionId. Its keys are read from the table itself, so that a plan finds out what would fail at night.

data "aws_dynamodb_table" "this" {
  name = var.name

  lifecycle {
    postcondition {
      condition     = var.index != null || self.hash_key == var.connection_id_attribute
      error_message = "The partition key of table ${var.name} is ${self.hash_key}, not ${var.connection_id_attribute}. Correct connection_id_attribute, or name the index that has it as its partition key (index = \"…\")."
    }

    postcondition {
      condition = var.index == null || anytrue([
        for index in self.global_secondary_index : index.name == var.index && index.hash_key == var.connection_id_attribute
      ])
      error_message = "Table ${var.name} has no global secondary index ${coalesce(var.index, "-")} with the partition key ${var.connection_id_attribute}. It has: ${join(", ", [for index in self.global_secondary_index : "${index.name} (${index.hash_key})"])}."
    }

    postcondition {
      condition     = contains([for a in self.attribute : "${a.name} ${a.type}"], "${var.connection_id_attribute} S")
      error_message = "The attribute ${var.connection_id_attribute} of table ${var.name} must be a key of type String (S): connection ids are strings."
    }
  }
}
