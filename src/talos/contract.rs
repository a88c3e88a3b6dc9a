//! How machine configurations are written: the Talos version a cluster was made with, pinned apart from what its nodes run.

use std::fmt;

/// A version contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Contract {
    /// One configuration document with everything, further documents for extensions and volumes.
    V1_11,
}

impl Contract {
    /// Every contract this version of gitopsc writes, oldest first.
    pub const ALL: &[Contract] = &[Contract::V1_11];

    /// The contract of this name: `v1.11`.
    pub fn named(name: &str) -> Option<Contract> {
        Contract::ALL.iter().copied().find(|contract| contract.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Contract::V1_11 => "v1.11",
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Kinds of documents that came after contract 1.11, with the Talos version that brought them.
pub(super) const LATER_KINDS: &[(&str, &[&str])] = &[
    (
        "1.12",
        &[
            "BondConfig",
            "BridgeConfig",
            "DHCPv4Config",
            "DHCPv6Config",
            "DummyLinkConfig",
            "HCloudVIPConfig",
            "HostnameConfig",
            "Layer2VIPConfig",
            "LinkAliasConfig",
            "LinkConfig",
            "OOMConfig",
            "RegistryAuthConfig",
            "RegistryMirrorConfig",
            "RegistryTLSConfig",
            "ResolverConfig",
            "StaticHostConfig",
            "TimeSyncConfig",
            "VLANConfig",
            "WireguardConfig",
        ],
    ),
    (
        "1.13",
        &[
            "BlackholeRouteConfig",
            "EnvironmentConfig",
            "ExternalVolumeConfig",
            "ImageVerificationConfig",
            "KubeSpanConfig",
            "RoutingRuleConfig",
            "TCPProbeConfig",
            "VRFConfig",
        ],
    ),
];
