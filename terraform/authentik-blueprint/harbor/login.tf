# Harbor keeps its login settings in its database, so they are made through its API.

terraform {
  required_providers {
    harbor = {
      source  = "goharbor/harbor"
      version = "~> 3.11"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 2.38"
    }
  }
}

data "kubernetes_secret_v1" "admin" {
  metadata {
    namespace = "harbor"
    name      = "harbor-admin"
  }
}

provider "harbor" {
  url      = module.access.urls["harbor"]
  username = "admin"
  password = data.kubernetes_secret_v1.admin.data["password"]
}

resource "harbor_config_auth" "oidc" {
  auth_mode          = "oidc_auth"
  oidc_name          = "Authentik"
  oidc_endpoint      = "${module.access.urls["authentik"]}/application/o/harbor/"
  oidc_client_id     = module.client.client_id
  oidc_client_secret = module.client.client_secret
  oidc_scope         = "openid,email,profile"
  oidc_user_claim    = "preferred_username"
  oidc_groups_claim  = "groups"
  oidc_admin_group   = "authentik Admins"
  oidc_auto_onboard  = true
  oidc_verify_cert   = true
}
