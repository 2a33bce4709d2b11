# A complete WebSocket API with the module.

locals {
  table = "${var.name}-connections"
}

module "websocket_api" {
  source = "../websocket-api"

  name              = var.name
  stage             = "live"
  connections_table = local.table
}

module "connections" {
  source = "../.."

  name              = var.name
  websocket_api     = module.websocket_api.websocket_api
  connections_table = { name = local.table, deletion_protection = false }

  # Optional.
  sweep      = { probe = {} }
  history    = { deletion_protection = false }
  monitoring = { connection_metrics = true }

  disconnect_queue = {} # so that one apply can change delivery to "queue", and back
}
