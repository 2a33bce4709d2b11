# Related tables are read at plan time: what would fail when a connection ends is refused before.

mock_provider "aws" {}

override_data {
  target = data.aws_dynamodb_table.this
  values = {
    arn       = "arn:aws:dynamodb:eu-central-1:111122223333:table/rooms"
    hash_key  = "room"
    range_key = "seat"
    attribute = [{ name = "room", type = "S" }, { name = "seat", type = "N" }, { name = "member", type = "S" }]
    global_secondary_index = [{
      name = "byMember", hash_key = "member", range_key = "", projection_type = "ALL", non_key_attributes = [], read_capacity = 0, write_capacity = 0, on_demand_throughput = []
      }, {
      name = "bySeat", hash_key = "seat", range_key = "", projection_type = "ALL", non_key_attributes = [], read_capacity = 0, write_capacity = 0, on_demand_throughput = []
    }]
  }
}

run "the_functions_are_told_the_keys_of_a_related_table" {
  command = plan

  module {
    source = "./modules/related-table"
  }

  variables {
    name                    = "rooms"
    index                   = "byMember"
    connection_id_attribute = "member"
  }

  assert {
    condition     = output.setting == { table = "rooms", attribute = "member", index = "byMember", keys = tolist(["room", "seat"]) }
    error_message = "They are told: ${jsonencode(output.setting)}"
  }
}

run "a_table_not_keyed_by_the_connection_is_refused" {
  command = plan

  module {
    source = "./modules/related-table"
  }

  variables {
    name = "rooms"
  }

  expect_failures = [output.setting]
}

run "a_missing_index_is_refused" {
  command = plan

  module {
    source = "./modules/related-table"
  }

  variables {
    name                    = "rooms"
    index                   = "byPerson"
    connection_id_attribute = "member"
  }

  expect_failures = [output.setting]
}

run "an_index_on_another_attribute_is_refused" {
  command = plan

  module {
    source = "./modules/related-table"
  }

  variables {
    name                    = "rooms"
    index                   = "byMember"
    connection_id_attribute = "room"
  }

  expect_failures = [output.setting]
}

run "an_attribute_that_is_a_number_is_refused" {
  command = plan

  module {
    source = "./modules/related-table"
  }

  variables {
    name                    = "rooms"
    index                   = "bySeat"
    connection_id_attribute = "seat"
  }

  expect_failures = [output.setting]
}
