# Proxy caches in Harbor. The nodes ask for them by these names: templates/talos/all/mirrors.yaml.j2.

terraform {
  required_providers {
    harbor = {
      source  = "goharbor/harbor"
      version = "~> 3.11"
    }
  }
}

locals {
  caches = {
    docker-hub-proxy      = { provider = "docker-hub", url = "https://hub.docker.com" }
    ghcr-proxy            = { provider = "github", url = "https://ghcr.io" }
    quay-proxy            = { provider = "docker-registry", url = "https://quay.io" }
    registry-k8s-io-proxy = { provider = "docker-registry", url = "https://registry.k8s.io" }
  }
}

resource "harbor_registry" "upstream" {
  for_each = local.caches

  name          = each.key
  provider_name = each.value.provider
  endpoint_url  = each.value.url
}

resource "harbor_project" "cache" {
  for_each = local.caches

  name        = each.key
  public      = true
  registry_id = harbor_registry.upstream[each.key].registry_id
}
