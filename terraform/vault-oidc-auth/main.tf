# Lets people into Vault with their Authentik login.

terraform {
  required_providers {
    authentik = {
      source  = "goauthentik/authentik"
      version = "~> 2025.10"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 2.38"
    }
    vault = {
      source  = "hashicorp/vault"
      version = "~> 5.3"
    }
  }
}

module "access" {
  source = "../modules/authentik-access"
}

provider "authentik" {
  url   = module.access.url
  token = module.access.token
}

module "client" {
  source = "../modules/oidc-client"

  client     = "vault"
  title      = "Vault"
  launch_url = module.access.urls["vault"]
  callbacks  = ["/ui/vault/auth/oidc/oidc/callback"]
  secret     = { namespace = "vault", name = "vault-oidc" }
}

data "kubernetes_secret_v1" "unseal_keys" {
  metadata {
    namespace = "vault"
    name      = "vault-unseal-keys"
  }
}

provider "vault" {
  address = "http://vault.vault:8200"
  token   = data.kubernetes_secret_v1.unseal_keys.data["vault-root"]
}

resource "vault_jwt_auth_backend" "oidc" {
  path               = "oidc"
  type               = "oidc"
  description        = "Authentik"
  oidc_discovery_url = "${module.access.urls["authentik"]}/application/o/vault/"
  oidc_client_id     = module.client.client_id
  oidc_client_secret = module.client.client_secret
  default_role       = "people"

  tune {
    listing_visibility = "unauth"
    default_lease_ttl  = "1h"
    max_lease_ttl      = "24h"
  }
}

resource "vault_jwt_auth_backend_role" "people" {
  backend               = vault_jwt_auth_backend.oidc.path
  role_name             = "people"
  role_type             = "oidc"
  user_claim            = "preferred_username"
  groups_claim          = "groups"
  bound_audiences       = [module.client.client_id]
  oidc_scopes           = ["openid", "email", "profile"]
  allowed_redirect_uris = ["${module.access.urls["vault"]}/ui/vault/auth/oidc/oidc/callback"]
  token_policies        = ["default"]
}
