# How code that runs beside Authentik reaches it, and where every client lives: read from the cluster, where the
# inventory's names have been written already.

terraform {
  required_providers {
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 2.38"
    }
  }
}

data "kubernetes_secret_v1" "bootstrap" {
  metadata {
    namespace = "authentik"
    name      = "authentik-bootstrap"
  }
}

data "kubernetes_config_map_v1" "urls" {
  metadata {
    namespace = "authentik"
    name      = "sso-urls"
  }
}

output "url" {
  value = "http://authentik-server.authentik"
}

output "token" {
  value     = data.kubernetes_secret_v1.bootstrap.data["token"]
  sensitive = true
}

output "urls" {
  description = "The public URL of each client, and of Authentik itself."
  value       = data.kubernetes_config_map_v1.urls.data
}
