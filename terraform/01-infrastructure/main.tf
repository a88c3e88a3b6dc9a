# What Flux needs before it can start: a pod network, and the key that opens its sealed secrets.

terraform {
  required_providers {
    helm = {
      source  = "hashicorp/helm"
      version = "~> 3.0"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 2.38"
    }
  }
}

variable "sealing_key_pair" {
  description = "Files of the sealed-secrets key pair, kept outside of the repository."
  type        = object({ certificate = string, key = string })
}

resource "helm_release" "cilium" {
  name       = "cilium"
  namespace  = "kube-system"
  repository = "https://helm.cilium.io"
  chart      = "cilium"
  version    = "1.18.3"

  values = [yamlencode({
    kubeProxyReplacement = true
    ipam                 = { mode = "kubernetes" }
    # KubePrism: every node's own way to the API server.
    k8sServiceHost = "localhost"
    k8sServicePort = 7445
    # Talos mounts cgroups itself and lets nobody load kernel modules.
    cgroup = { autoMount = { enabled = false }, hostRoot = "/sys/fs/cgroup" }
    securityContext = {
      capabilities = {
        ciliumAgent      = ["CHOWN", "KILL", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "SYS_ADMIN", "SYS_RESOURCE", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
        cleanCiliumState = ["NET_ADMIN", "SYS_ADMIN", "SYS_RESOURCE"]
      }
    }
  })]
}

resource "kubernetes_secret_v1" "sealed_secrets_key" {
  type = "kubernetes.io/tls"

  metadata {
    name      = "sealed-secrets-key"
    namespace = "kube-system"
    labels    = { "sealedsecrets.bitnami.com/sealed-secrets-key" = "active" }
  }

  data = {
    "tls.crt" = file(var.sealing_key_pair.certificate)
    "tls.key" = file(var.sealing_key_pair.key)
  }
}
