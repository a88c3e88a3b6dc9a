# Hands the cluster to Flux.

terraform {
  required_providers {
    flux = {
      source  = "fluxcd/flux"
      version = "~> 1.7"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 2.38"
    }
  }
}

resource "kubernetes_namespace_v1" "flux_system" {
  metadata {
    name = "flux-system"
  }

  lifecycle {
    # Flux labels it.
    ignore_changes = [metadata[0].labels]
  }
}

resource "flux_bootstrap_git" "this" {
  path       = "out/flux"
  depends_on = [kubernetes_namespace_v1.flux_system]
}
