//! A pair of virtual Ethernet interfaces in a network namespace of their own, for tests and demonstrations
//! of this wire. Nothing of it can be seen from outside, and the kernel removes all of it when the last
//! descriptor and the last socket in it are closed, however the process ends.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use super::socket::{Interface, socket};
use super::{XdpConfig, XdpError};

/// The pair and its namespace.
#[derive(Debug)]
pub struct Veth {
    namespace: File,
}

impl Veth {
    /// The interfaces: what one sends the other receives.
    pub const NAMES: [&'static str; 2] = ["taut0", "taut1"];

    /// Makes a namespace and the pair in it, both up, with packets of `mtu` bytes at most. Their checksums
    /// are made in software, as a real card's peer would get them.
    ///
    /// # Errors
    /// [`XdpError::Permission`] without CAP_SYS_ADMIN, or what else the system says.
    pub fn new(mtu: u32) -> Result<Self, XdpError> {
        let namespace = in_new_namespace()?;
        let veth = Self { namespace };
        veth.run(|| {
            let netlink = Netlink::open()?;
            netlink.add_pair(Self::NAMES, mtu)?;
            for name in Self::NAMES {
                no_checksum_offload(name).map_err(|error| XdpError::of("ethtool", error))?;
                netlink.set_up(Interface::find(name)?.index)?;
            }
            Ok(())
        })?;
        Ok(veth)
    }

    /// Gives the kernel an address on one of the interfaces, in a network of 256.
    ///
    /// # Errors
    /// What the system says.
    pub fn give_kernel(&self, name: &str, address: Ipv4Addr) -> Result<(), XdpError> {
        self.run(|| Netlink::open()?.add_address(Interface::find(name)?.index, address, 24))
    }

    /// What a stack on one of the interfaces is told, with an address in a network of 256.
    #[must_use]
    pub fn config(name: &str, address: Ipv4Addr) -> XdpConfig {
        XdpConfig {
            interface: name.to_owned(),
            queue: 0,
            address,
            prefix: 24,
            gateway: None,
            generic: false,
        }
    }

    /// Does `work` in the namespace, on a thread of its own: sockets, threads and processes that it makes
    /// stay there.
    ///
    /// # Panics
    /// If `work` does, or if the system refuses the thread.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = self.namespace.as_raw_fd();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                // SAFETY: takes no address; concerns this thread alone.
                let entered = unsafe { libc::setns(namespace, libc::CLONE_NEWNET) };
                assert_eq!(entered, 0, "setns: {}", io::Error::last_os_error());
                work()
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

/// A thread makes it and ends; the descriptor keeps it.
fn in_new_namespace() -> Result<File, XdpError> {
    let make = || {
        // SAFETY: takes no address; concerns this thread alone.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(XdpError::of("network namespace", io::Error::last_os_error()));
        }
        File::open("/proc/thread-self/ns/net")
            .map_err(|error| XdpError::of("network namespace", error))
    };
    std::thread::scope(|scope| match scope.spawn(make).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

const ETHTOOL_SET_TX_CHECKSUM: u32 = 0x17;

#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

fn no_checksum_offload(name: &str) -> io::Result<()> {
    let asking = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut value = EthtoolValue { command: ETHTOOL_SET_TX_CHECKSUM, data: 0 };
    // SAFETY: all bytes zero is a value of this plain C structure.
    let mut request: libc::ifreq = unsafe { MaybeUninit::zeroed().assume_init() };
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the request points to a value of the kind that this command reads; both live here.
    let done = unsafe { libc::ioctl(asking.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A socket for configuration requests.
struct Netlink(OwnedFd);

// Attributes, as <linux/if_link.h>, <linux/if_addr.h> and <linux/veth.h> number them.
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// Bytes of a message header, of `struct ifinfomsg` and of an attribute's header.
const HEADER: usize = 16;
const LINK: usize = 16;
const ATTRIBUTE: usize = 4;

impl Netlink {
    fn open() -> Result<Self, XdpError> {
        let fail = |error| XdpError::of("netlink", error);
        let socket = socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).map_err(fail)?;
        Ok(Self(socket))
    }

    fn add_pair(&self, names: [&str; 2], mtu: u32) -> Result<(), XdpError> {
        let side = |message: &mut Vec<u8>, name: &str| {
            message.extend_from_slice(&link(0, false));
            attribute(message, IFLA_MTU, |m| m.extend_from_slice(&mtu.to_ne_bytes()));
            let name = CString::new(name).unwrap_or_default();
            attribute(message, IFLA_IFNAME, |m| m.extend_from_slice(name.as_bytes_with_nul()));
        };
        let mut body = Vec::new();
        side(&mut body, names[0]);
        attribute(&mut body, IFLA_LINKINFO, |m| {
            attribute(m, IFLA_INFO_KIND, |m| m.extend_from_slice(b"veth\0"));
            attribute(m, IFLA_INFO_DATA, |m| {
                attribute(m, VETH_INFO_PEER, |m| side(m, names[1]));
            });
        });
        self.ask(libc::RTM_NEWLINK, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body, "veth pair")
    }

    fn set_up(&self, index: u32) -> Result<(), XdpError> {
        self.ask(libc::RTM_NEWLINK, 0, &link(index, true), "interface up")
    }

    fn add_address(&self, index: u32, address: Ipv4Addr, prefix: u8) -> Result<(), XdpError> {
        let mut body = vec![libc::AF_INET as u8, prefix, 0, 0];
        body.extend_from_slice(&index.to_ne_bytes());
        for name in [IFA_LOCAL, IFA_ADDRESS] {
            attribute(&mut body, name, |m| m.extend_from_slice(&address.octets()));
        }
        self.ask(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body, "address")
    }

    /// One request and its answer.
    fn ask(&self, what: u16, flags: i32, body: &[u8], step: &'static str) -> Result<(), XdpError> {
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags) as u16;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend_from_slice(&((HEADER + body.len()) as u32).to_ne_bytes());
        message.extend_from_slice(&what.to_ne_bytes());
        message.extend_from_slice(&flags.to_ne_bytes());
        message.extend_from_slice(&[0; 8]);
        message.extend_from_slice(body);
        let mut answer = [0_u8; 4096];
        let fd = self.0.as_fd().as_raw_fd();
        // SAFETY: each call gets a buffer that lives here, with its length.
        let count = unsafe {
            if libc::send(fd, message.as_ptr().cast(), message.len(), 0) < 0 {
                -1
            } else {
                libc::recv(fd, answer.as_mut_ptr().cast(), answer.len(), 0)
            }
        };
        if count < 0 {
            return Err(XdpError::of(step, io::Error::last_os_error()));
        }
        // An acknowledgement is an error message with the number 0.
        let number = answer[..count as usize].get(HEADER..HEADER + size_of::<i32>());
        match number.and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes) {
            Some(0) => Ok(()),
            Some(number) => Err(XdpError::of(step, io::Error::from_raw_os_error(-number))),
            None => Err(XdpError::of(step, io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

/// `struct ifinfomsg`.
fn link(index: u32, up: bool) -> [u8; LINK] {
    let mut bytes = [0; LINK];
    let flag = (libc::IFF_UP as u32).to_ne_bytes();
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    if up {
        bytes[8..12].copy_from_slice(&flag);
        bytes[12..16].copy_from_slice(&flag);
    }
    bytes
}

/// Appends an attribute, whose value `write` appends.
fn attribute(message: &mut Vec<u8>, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
    let start = message.len();
    message.extend_from_slice(&[0; ATTRIBUTE]);
    write(message);
    let len = (message.len() - start) as u16;
    message[start..start + 2].copy_from_slice(&len.to_ne_bytes());
    message[start + 2..start + 4].copy_from_slice(&kind.to_ne_bytes());
    message.resize(message.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xdp::testing;

    #[test]
    fn a_pair_is_in_its_namespace_and_nowhere_else() {
        let Some(veth) = testing::veth(600) else { return };
        for name in Veth::NAMES {
            let found = veth.run(|| Interface::find(name)).unwrap();
            assert_eq!(found.mtu, 600);
            assert!(matches!(Interface::find(name), Err(XdpError::NoInterface { .. })));
        }
    }
}
