//! System calls of an AF_XDP socket, and what the system says of a network interface.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use super::XdpError;
use super::mapping::Mapping;
use super::ring::{Consumer, Layout, Producer};
use super::umem::Umem;
use crate::limits::{XDP_FRAME_BYTES, XDP_RECEIVE_FRAMES, XDP_SEND_FRAMES};

/// Places of the rings that we fill. They are twice the frames: the kernel shows a frame that it has received
/// or sent before it shows that it took that frame's place (`xsk_flush` publishes the receive ring, then the
/// fill ring), so a frame can come back while each of its kind still has a place.
const FILL_PLACES: u32 = 2 * XDP_RECEIVE_FRAMES;
const SEND_PLACES: u32 = 2 * XDP_SEND_FRAMES;

/// What the system says of an interface.
#[derive(Debug, Clone)]
pub(super) struct Interface {
    pub name: String,
    pub index: u32,
    pub mac: [u8; 6],
    /// Largest IP packet, bytes.
    pub mtu: usize,
}

impl Interface {
    /// Looks in the network namespace of this thread.
    pub fn find(name: &str) -> Result<Self, XdpError> {
        let missing = || XdpError::NoInterface { name: name.to_owned() };
        if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains('\0') {
            return Err(missing());
        }
        let asking = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)
            .map_err(|error| XdpError::of("socket", error))?;
        let ask = |what| {
            request(asking.as_fd(), name, what).map_err(|error| match error.raw_os_error() {
                Some(libc::ENODEV) => missing(),
                _ => XdpError::of("interface", error),
            })
        };
        let index = ask(libc::SIOCGIFINDEX)?;
        let hardware = ask(libc::SIOCGIFHWADDR)?;
        let mtu = ask(libc::SIOCGIFMTU)?;
        // SAFETY: the kernel has filled in the member that each request is for; all of them are plain
        // numbers.
        let (index, hardware, mtu) = unsafe {
            (index.ifr_ifru.ifru_ifindex, hardware.ifr_ifru.ifru_hwaddr, mtu.ifr_ifru.ifru_mtu)
        };
        if hardware.sa_family != libc::ARPHRD_ETHER {
            return Err(XdpError::NotEthernet { name: name.to_owned() });
        }
        let mut mac = [0; 6];
        for (ours, theirs) in mac.iter_mut().zip(hardware.sa_data) {
            *ours = theirs as u8;
        }
        Ok(Self { name: name.to_owned(), index: index as u32, mac, mtu: mtu as usize })
    }
}

/// One `ioctl` about an interface.
pub(super) fn request(
    socket: BorrowedFd<'_>,
    name: &str,
    what: libc::c_ulong,
) -> io::Result<libc::ifreq> {
    // SAFETY: all bytes zero is a value of this plain C structure.
    let mut request: libc::ifreq = unsafe { MaybeUninit::zeroed().assume_init() };
    for (to, from) in request.ifr_name[..libc::IFNAMSIZ - 1].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: `request` is the structure that these requests read and write, and lives here.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), what as _, &raw mut request) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(request) }
}

/// A socket that a child process does not inherit.
pub(super) fn socket(family: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: takes no address.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Waits until `fd` is readable or `at_most` has passed; early for a signal.
pub(super) fn wait(fd: BorrowedFd<'_>, at_most: Duration) {
    let at_most = i32::try_from(at_most.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one `pollfd`, which lives here. Whatever comes of it, the caller looks for itself.
    unsafe { libc::poll(&raw mut poll, 1, at_most) };
}

/// The rings of a socket.
#[derive(Debug)]
pub(super) struct Rings {
    pub fill: Producer<u64>,
    pub completion: Consumer<u64>,
    pub receive: Consumer<libc::xdp_desc>,
    pub send: Producer<libc::xdp_desc>,
}

/// An AF_XDP socket.
#[derive(Debug)]
pub(super) struct Xsk(OwnedFd);

impl AsFd for Xsk {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Xsk {
    /// A socket over `umem`, with its rings; not bound yet.
    pub fn new(umem: &Umem) -> Result<(Self, Rings), XdpError> {
        let socket = socket(libc::AF_XDP, libc::SOCK_RAW, 0)
            .map_err(|error| XdpError::of("socket(AF_XDP)", error))?;
        let socket = Self(socket);
        let memory = umem.memory();
        let register = libc::xdp_umem_reg {
            addr: memory.base().as_ptr() as u64,
            len: memory.len() as u64,
            chunk_size: XDP_FRAME_BYTES as u32,
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        };
        socket.set(libc::XDP_UMEM_REG, &register, "packet memory")?;
        let sizes = [
            (libc::XDP_UMEM_FILL_RING, FILL_PLACES),
            (libc::XDP_UMEM_COMPLETION_RING, XDP_SEND_FRAMES),
            (libc::XDP_RX_RING, XDP_RECEIVE_FRAMES),
            (libc::XDP_TX_RING, SEND_PLACES),
        ];
        for (ring, size) in sizes {
            socket.set(ring, &size, "rings")?;
        }
        let offsets = socket.offsets()?;
        let rings = Rings {
            fill: Producer::new(
                socket.map::<u64>(&offsets.fr, FILL_PLACES, FILL)?,
                layout(&offsets.fr),
                FILL_PLACES,
            ),
            completion: Consumer::new(
                socket.map::<u64>(&offsets.cr, XDP_SEND_FRAMES, COMPLETION)?,
                layout(&offsets.cr),
                XDP_SEND_FRAMES,
            ),
            receive: Consumer::new(
                socket.map::<libc::xdp_desc>(
                    &offsets.rx,
                    XDP_RECEIVE_FRAMES,
                    libc::XDP_PGOFF_RX_RING,
                )?,
                layout(&offsets.rx),
                XDP_RECEIVE_FRAMES,
            ),
            send: Producer::new(
                socket.map::<libc::xdp_desc>(&offsets.tx, SEND_PLACES, libc::XDP_PGOFF_TX_RING)?,
                layout(&offsets.tx),
                SEND_PLACES,
            ),
        };
        Ok((socket, rings))
    }

    /// Binds to one queue of an interface: without copies where the driver can, with them elsewhere.
    pub fn bind(&self, interface: &Interface, queue: u32) -> Result<(), XdpError> {
        let address = libc::sockaddr_xdp {
            sxdp_family: libc::AF_XDP as u16,
            sxdp_flags: libc::XDP_USE_NEED_WAKEUP,
            sxdp_ifindex: interface.index,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        // A socket that was closed lets go of its queue a little later.
        for tries in (0..BIND_TRIES).rev() {
            // SAFETY: the address of a structure of this kind and its length.
            let bound = unsafe {
                libc::bind(
                    self.0.as_raw_fd(),
                    (&raw const address).cast(),
                    size_of::<libc::sockaddr_xdp>() as u32,
                )
            };
            if bound == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EBUSY) if tries > 0 => std::thread::sleep(BIND_AGAIN_AFTER),
                Some(libc::EBUSY) => {
                    return Err(XdpError::Busy { name: interface.name.clone(), queue });
                }
                Some(libc::EINVAL) => {
                    return Err(XdpError::NoQueue { name: interface.name.clone(), queue });
                }
                _ => return Err(XdpError::of("bind", error)),
            }
        }
        unreachable!("the last try returns");
    }

    /// Has the kernel send what is on the ring. `Ok(false)`: not all of it; come again.
    pub fn kick(&self) -> io::Result<bool> {
        // SAFETY: no address is passed.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                std::ptr::null(),
                0,
                libc::MSG_DONTWAIT,
                std::ptr::null(),
                0,
            )
        };
        if sent >= 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EBUSY | libc::ENOBUFS | libc::EINTR) => Ok(false),
            _ => Err(error),
        }
    }

    fn set<T>(&self, option: c_int, value: &T, step: &'static str) -> Result<(), XdpError> {
        // SAFETY: the address and the size of a plain value that lives here.
        let done = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                libc::SOL_XDP,
                option,
                std::ptr::from_ref(value).cast(),
                size_of::<T>() as u32,
            )
        };
        if done < 0 { Err(XdpError::of(step, io::Error::last_os_error())) } else { Ok(()) }
    }

    fn offsets(&self) -> Result<libc::xdp_mmap_offsets, XdpError> {
        // SAFETY: all bytes zero is a value of this plain C structure.
        let mut offsets: libc::xdp_mmap_offsets = unsafe { MaybeUninit::zeroed().assume_init() };
        let mut len = size_of::<libc::xdp_mmap_offsets>() as u32;
        // SAFETY: the kernel writes at most `len` bytes to a structure of that size.
        let done = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_XDP,
                libc::XDP_MMAP_OFFSETS,
                (&raw mut offsets).cast(),
                &raw mut len,
            )
        };
        if done < 0 {
            return Err(XdpError::of("ring offsets", io::Error::last_os_error()));
        }
        // Linux before 5.4 has no flags and fills in less.
        if len as usize != size_of::<libc::xdp_mmap_offsets>() {
            return Err(XdpError::of("ring offsets", ErrorKind::Unsupported.into()));
        }
        Ok(offsets)
    }

    fn map<T>(
        &self,
        offsets: &libc::xdp_ring_offset,
        size: u32,
        page: i64,
    ) -> Result<Arc<Mapping>, XdpError> {
        let len = offsets.desc as usize + size as usize * size_of::<T>();
        let mapping =
            Mapping::of(self.as_fd(), len, page).map_err(|error| XdpError::of("rings", error))?;
        Ok(Arc::new(mapping))
    }
}

const FILL: i64 = libc::XDP_UMEM_PGOFF_FILL_RING as i64;
const COMPLETION: i64 = libc::XDP_UMEM_PGOFF_COMPLETION_RING as i64;

const BIND_TRIES: u32 = 50;
const BIND_AGAIN_AFTER: Duration = Duration::from_millis(10);

const fn layout(offsets: &libc::xdp_ring_offset) -> Layout {
    Layout {
        producer: offsets.producer as usize,
        consumer: offsets.consumer as usize,
        flags: offsets.flags as usize,
        entries: offsets.desc as usize,
    }
}
