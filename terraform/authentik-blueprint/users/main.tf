# The people who may log in.

terraform {
  required_providers {
    authentik = {
      source  = "goauthentik/authentik"
      version = "~> 2025.10"
    }
  }
}

# From the Secret `authentik-users`, which the inventory has made.
variable "password" {
  description = "The operator's first password."
  type        = string
  sensitive   = true
}

module "access" {
  source = "../../modules/authentik-access"
}

provider "authentik" {
  url   = module.access.url
  token = module.access.token
}

data "authentik_group" "admins" {
  name = "authentik Admins"
}

resource "authentik_user" "operator" {
  username = "operator"
  name     = "Operator"
  password = var.password
  groups   = [data.authentik_group.admins.id]

  lifecycle {
    # The first password is meant to be changed.
    ignore_changes = [password]
  }
}
