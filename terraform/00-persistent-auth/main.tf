# What outlives the cluster: the token with which the CSI driver asks Proxmox for disks.

terraform {
  required_providers {
    proxmox = {
      source  = "bpg/proxmox"
      version = "~> 0.85"
    }
  }
}

resource "proxmox_virtual_environment_role" "csi" {
  role_id    = "CSI"
  privileges = ["VM.Audit", "VM.Config.Disk", "Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.Audit"]
}

resource "proxmox_virtual_environment_user" "csi" {
  user_id = "kubernetes-csi@pve"

  acl {
    path    = "/"
    role_id = proxmox_virtual_environment_role.csi.role_id
  }
}

resource "proxmox_virtual_environment_user_token" "csi" {
  user_id               = proxmox_virtual_environment_user.csi.user_id
  token_name            = "csi"
  privileges_separation = false
}

# Sealed with `gitopsc seal proxmox-csi proxmox-csi-plugin config.yaml`.
output "csi_token" {
  value     = proxmox_virtual_environment_user_token.csi.value
  sensitive = true
}
