# A whole WebSocket API with the module around it, for people who have none yet.

locals {
  name  = "chat-example"
  table = "chat-example-connections"
}

module "websocket_api" {
  source = "../websocket-api"

  name              = local.name
  stage             = "live"
  connections_table = local.table
}

module "connections" {
  source = "../.."

  name              = local.name
  websocket_api     = module.websocket_api.websocket_api
  connections_table = { name = local.table, deletion_protection = false }
}
