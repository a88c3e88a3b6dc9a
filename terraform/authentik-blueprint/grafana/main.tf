# Registers Grafana with Authentik.

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

  client     = "grafana"
  title      = "Grafana"
  launch_url = module.access.urls["monitoring"]
  callbacks  = ["/login/generic_oauth"]
  secret     = { namespace = "monitoring", name = "grafana-oidc" }
}
