# One service that logs people in through Authentik: an OAuth2 provider and the tile people see.
# The client's secret is made in the cluster, before the service starts; it is only read here.

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
  }
}

variable "client" {
  description = "The client's ID and the application's slug."
  type        = string
}

variable "title" {
  description = "What people read on the tile."
  type        = string
}

variable "launch_url" {
  description = "Where the tile leads."
  type        = string
}

variable "callbacks" {
  description = "Paths below launch_url that Authentik may send people back to."
  type        = list(string)
}

variable "secret" {
  description = "The Kubernetes Secret whose key client-secret both sides share."
  type        = object({ namespace = string, name = string })
}

data "kubernetes_secret_v1" "client" {
  metadata {
    namespace = var.secret.namespace
    name      = var.secret.name
  }
}

data "authentik_flow" "authorization" {
  slug = "default-provider-authorization-implicit-consent"
}

data "authentik_flow" "invalidation" {
  slug = "default-provider-invalidation-flow"
}

data "authentik_property_mapping_provider_scope" "standard" {
  managed_list = [for scope in ["openid", "email", "profile"] : "goauthentik.io/providers/oauth2/scope-${scope}"]
}

data "authentik_certificate_key_pair" "signing" {
  name = "authentik Self-signed Certificate"
}

resource "authentik_provider_oauth2" "this" {
  name               = var.client
  client_id          = var.client
  client_secret      = data.kubernetes_secret_v1.client.data["client-secret"]
  authorization_flow = data.authentik_flow.authorization.id
  invalidation_flow  = data.authentik_flow.invalidation.id
  property_mappings  = data.authentik_property_mapping_provider_scope.standard.ids
  signing_key        = data.authentik_certificate_key_pair.signing.id

  allowed_redirect_uris = [for path in var.callbacks : {
    matching_mode = "strict"
    url           = "${var.launch_url}${path}"
  }]
}

resource "authentik_application" "this" {
  name              = var.title
  slug              = var.client
  protocol_provider = authentik_provider_oauth2.this.id
  meta_launch_url   = var.launch_url
}

output "client_id" {
  value = authentik_provider_oauth2.this.client_id
}

output "client_secret" {
  value     = data.kubernetes_secret_v1.client.data["client-secret"]
  sensitive = true
}
