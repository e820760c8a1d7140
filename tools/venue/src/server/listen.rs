//! Where and how the venue listens.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use taut::pipeline::IdlePolicy;
use taut::wire::WireKind;

use crate::gateway::Service;
use crate::rest;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// A port beyond the last one.
    #[error("--base-port {base}: {name} at {port} above it would exceed 65535")]
    Port {
        /// What is added to Kraken's ports.
        base: u16,
        /// The service.
        name: &'static str,
        /// Its port in Kraken's map.
        port: u16,
    },
    /// An address that other machines can reach, without leave.
    #[error("{0} can be reached from other machines: refused without `allow_remote`")]
    Remote(IpAddr),
    /// A wire that does not read the kernel's sockets.
    #[error("the venue listens on the kernel's sockets, which the wire {0} does not read")]
    Wire(WireKind),
    /// The system refused a descriptor or a file.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The address; loopback unless `allow_remote`.
    pub address: IpAddr,
    /// Added to Kraken's ports (venue file 1); `None`: any free ports.
    pub base_port: Option<u16>,
    /// Listen on an address that is not loopback.
    pub allow_remote: bool,
    /// How connections are read.
    pub wire: WireKind,
    /// What the thread does when nothing comes.
    pub idle: IdlePolicy,
}

impl Listen {
    /// Any free ports of this machine, by a thread that sleeps: for tests.
    #[must_use]
    pub const fn loopback() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            base_port: None,
            allow_remote: false,
            wire: WireKind::BusyPoll,
            idle: IdlePolicy::Park,
        }
    }

    /// Where something listens; port 0 for any free one.
    pub(super) fn port(&self, door: Door) -> Result<u16, ServerError> {
        let Some(base) = self.base_port else { return Ok(0) };
        let (name, port) = match door {
            Door::Fix(service) => (service.name(), service.port()),
            Door::Rest => (rest::NAME, rest::PORT),
        };
        base.checked_add(port).ok_or(ServerError::Port { base, name, port })
    }
}

/// What a connection comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Fix(Service),
    Rest,
}
