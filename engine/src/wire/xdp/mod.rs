//! AF_XDP: frames go from the driver to this process and back without the kernel's network stack; TCP, IP
//! and ARP are [smoltcp](https://docs.rs/smoltcp)'s, in this process.
//!
//! ```text
//!  driver -> BPF program -> receive ring -> smoltcp -> Connection -> channel
//!                 |                            |
//!              kernel (not our address)     send ring -> sendto(2), once for each batch -> driver
//! ```
//! - A [`Stack`] has one queue of one interface and **an IPv4 address of its own**, which the kernel must
//!   not have: everything for that address comes here, everything else goes to the kernel as before. The
//!   network card has to steer our address to that queue, or has to have one queue only.
//! - **It moves only when it is asked**: each `receive` and `transmit` of any of its connections drives all
//!   of them. There is no thread behind it. Whoever sleeps wakes for frames
//!   (`WireRx::readiness_fd`), and has to come back every few milliseconds for the timers.
//! - Connections of one stack may be used by several threads; a lock keeps them apart. What the reader
//!   and the sender of one connection need is fastest on one thread.
//! - Checksums are made and verified here. A virtual peer on the same machine that leaves them to its card
//!   (`tx-checksumming` of `ethtool -k`) is not heard: switch that off.
//! - smoltcp waits a second at least before it sends again what was lost, unless three later segments
//!   told of the loss (fast retransmit). A peer that is silent for 15 s is asked whether it is
//!   there, and given up when it was not heard of for a minute. It has
//!   congestion control (Reno) and no path MTU discovery: frames are as long as the interface allows, 1500
//!   bytes at most.
//!
//! Needs root, or CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF; and CAP_IPC_LOCK or a limit of locked memory
//! (`ulimit -l`) of 8 MiB.

mod bpf;
mod connection;
mod core;
mod device;
mod listener;
mod mapping;
mod ring;
mod socket;
mod stack;
#[cfg(test)]
mod testing;
mod umem;
pub mod veth;

use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;

pub use connection::{Connection, XdpRx, XdpTx};
pub use listener::Listener;
pub use stack::Stack;

/// Where a stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XdpConfig {
    /// The network interface, `eth1`.
    pub interface: String,
    /// The queue of it.
    pub queue: u32,
    /// Our address, which the kernel must not have.
    pub address: Ipv4Addr,
    /// Bits of it that name the network: 24 for 255.255.255.0.
    pub prefix: u8,
    /// The router to all other networks.
    pub gateway: Option<Ipv4Addr>,
    /// Attach the program behind the driver instead of in it: slower, works with any driver.
    pub generic: bool,
}

/// Why there is no stack.
#[derive(Debug, thiserror::Error)]
pub enum XdpError {
    /// No such interface in this network namespace.
    #[error("there is no network interface {name:?}")]
    NoInterface {
        /// The name.
        name: String,
    },
    /// ARP and frames are Ethernet's.
    #[error("{name} is no Ethernet interface")]
    NotEthernet {
        /// The name.
        name: String,
    },
    /// The interface has fewer queues.
    #[error("{name} has no queue {queue}")]
    NoQueue {
        /// The interface.
        name: String,
        /// The queue.
        queue: u32,
    },
    /// Another AF_XDP socket has the queue.
    #[error("queue {queue} of {name} is taken by another AF_XDP socket")]
    Busy {
        /// The interface.
        name: String,
        /// The queue.
        queue: u32,
    },
    /// An address that no host can have, or a gateway that is not in our network.
    #[error("{0}")]
    Address(&'static str),
    /// The process may not.
    #[error(
        "{step}: not permitted; it needs root, or CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF (the wires \
         `uring`, `busy-poll` and `mio` need none of them)"
    )]
    Permission {
        /// What was tried.
        step: &'static str,
    },
    /// The driver or the kernel cannot, or another program is attached.
    #[error("{step}: {source}")]
    System {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl XdpError {
    fn of(step: &'static str, source: io::Error) -> Self {
        match source.kind() {
            ErrorKind::PermissionDenied => Self::Permission { step },
            _ => Self::System { step, source },
        }
    }

    /// Whether nothing is wrong but that this wire cannot be had here: the process may not, or the kernel is built
    /// without a part of it.
    #[must_use]
    pub fn is_of_host(&self) -> bool {
        const LACKS: [i32; 4] =
            [libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT, libc::EOPNOTSUPP, libc::ENOSYS];
        match self {
            Self::Permission { .. } => true,
            Self::System { source, .. } => {
                source.raw_os_error().is_some_and(|error| LACKS.contains(&error))
            }
            _ => false,
        }
    }
}

impl From<XdpError> for io::Error {
    fn from(error: XdpError) -> Self {
        let kind = match &error {
            XdpError::NoInterface { .. } | XdpError::NoQueue { .. } => ErrorKind::NotFound,
            XdpError::NotEthernet { .. } => ErrorKind::Unsupported,
            XdpError::Busy { .. } => ErrorKind::AddrInUse,
            XdpError::Address(_) => ErrorKind::InvalidInput,
            XdpError::Permission { .. } => ErrorKind::PermissionDenied,
            XdpError::System { source, .. } => source.kind(),
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests;
