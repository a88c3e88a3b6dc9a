# Registers Gitea with Authentik.

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

  client     = "gitea"
  title      = "Gitea"
  launch_url = module.access.urls["gitea"]
  callbacks  = ["/user/oauth2/authentik/callback"]
  secret     = { namespace = "gitea", name = "gitea-oidc" }
}
