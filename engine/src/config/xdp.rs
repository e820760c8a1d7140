//! `[xdp]`

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{ConfigError, value};
use crate::wire::xdp::XdpConfig;

/// `[xdp]`: where the wire of that name is ([`crate::wire::xdp`]).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct XdpSection {
    /// The network interface, `eth1`.
    pub interface: String,
    /// The queue of it to which the network card steers our address.
    #[serde(default)]
    pub queue: u32,
    /// Our IPv4 address with the length of its network's prefix, `192.0.2.7/24`. The kernel must not have it.
    pub address: String,
    /// The router to other networks; absent: hosts of our own network only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    /// Attach behind the driver: slower, for drivers without XDP.
    #[serde(default)]
    pub generic: bool,
}

impl XdpSection {
    /// What the wire is told.
    ///
    /// # Errors
    /// [`ConfigError::Value`]: no address with a prefix, or no interface.
    pub fn config(&self) -> Result<XdpConfig, ConfigError> {
        let parts = self.address.split_once('/');
        let parsed = parts.and_then(|(address, prefix)| {
            Some((address.parse::<Ipv4Addr>().ok()?, prefix.parse::<u8>().ok()?))
        });
        let Some((address, prefix @ 1..=32)) = parsed else {
            let problem = format!("{:?} is not like 192.0.2.7/24", self.address);
            return Err(value("xdp.address", problem));
        };
        if self.interface.is_empty() {
            return Err(value("xdp.interface", "must be given"));
        }
        let Self { interface, queue, gateway, generic, .. } = self.clone();
        Ok(XdpConfig { interface, queue, address, prefix, gateway, generic })
    }
}
