# Registers Harbor with Authentik.

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

  client     = "harbor"
  title      = "Harbor"
  launch_url = module.access.urls["harbor"]
  callbacks  = ["/c/oidc/callback"]
  secret     = { namespace = "harbor", name = "harbor-oidc" }
}
