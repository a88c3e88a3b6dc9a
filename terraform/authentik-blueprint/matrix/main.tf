# Registers Matrix with Authentik.

terraform {
  required_providers {
    authentik = {
      source  = "goauthentik/authentik"
      version = "~> 2025.10"
    }
  }
}

module "access" {
  source = "../../modules/authentik-access"
}

provider "authentik" {
  url   = module.access.url
  token = module.access.token
}

module "client" {
  source = "../../modules/oidc-client"

  client     = "matrix"
  title      = "Matrix"
  launch_url = module.access.urls["matrix"]
  callbacks  = ["/_synapse/client/oidc/callback"]
  secret     = { namespace = "matrix", name = "matrix-oidc" }
}
