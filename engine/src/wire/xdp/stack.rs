//! A stack that several connections share.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{self, State};
use smoltcp::time::Instant;

use super::core::{Core, Identity, new_socket};
use super::device::XdpDevice;
use super::{Connection, Listener, XdpConfig, XdpError, socket};

/// How often somebody who waits looks whether another thread has taken what he waits for.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long the end of a stack waits until the peers have acknowledged what was sent.
const LINGER: Duration = Duration::from_secs(1);

/// A TCP/IP stack on one queue of one interface. A clone is the same stack; it ends with the last clone and
/// the last connection.
#[derive(Debug, Clone)]
pub struct Stack(pub(super) Arc<Shared>);

impl Stack {
    /// Takes the queue of the interface, in the network namespace of this thread, and all memory but the
    /// connections'.
    ///
    /// # Errors
    /// [`XdpError`].
    pub fn open(config: &XdpConfig) -> Result<Self, XdpError> {
        let clock = quanta::Clock::new();
        let device = XdpDevice::open(config)?;
        let duplicate = device.as_fd().try_clone_to_owned();
        let fd = duplicate.map_err(|error| XdpError::of("descriptor", error))?;
        let identity = Identity {
            mac: device.mac(),
            address: config.address,
            prefix: config.prefix,
            gateway: config.gateway,
            seed: fastrand::u64(..),
        };
        let core = Mutex::new(Core::new(device, identity, now(&clock))?);
        Ok(Self(Arc::new(Shared { core, fd, clock })))
    }

    /// Our address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.0.lock().address()
    }

    /// Connects, until `deadline` at most or until `cancelled` is set.
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut` (also when cancelled), `NetworkUnreachable` without a route,
    /// `QuotaExceeded` with too many connections, or the device's own.
    pub fn connect(
        &self,
        to: SocketAddrV4,
        deadline: std::time::Instant,
        cancelled: &AtomicBool,
    ) -> io::Result<Connection> {
        let socket = new_socket();
        self.0.sweep();
        let handle = self.0.lock().connect(socket, to, self.0.now())?;
        let connection = Connection::new(Arc::clone(&self.0), handle);
        loop {
            let (state, failure) = {
                let mut core = self.0.lock();
                core.drive_if_due(self.0.now());
                (core.state(handle), core.failure())
            };
            if let Some(failure) = failure {
                return Err(super::connection::io_error(failure));
            }
            match state {
                State::SynSent | State::SynReceived => {}
                State::Closed => return Err(io::ErrorKind::ConnectionRefused.into()),
                _ => return Ok(connection),
            }
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() || cancelled.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.0.wait(left);
        }
    }

    /// Listens on a port of our address.
    ///
    /// # Errors
    /// `InvalidInput` for port 0; `QuotaExceeded` with too many connections.
    pub fn listen(&self, port: u16) -> io::Result<Listener> {
        Listener::new(Arc::clone(&self.0), port)
    }
}

/// What the connections of a stack share.
pub(super) struct Shared {
    core: Mutex<Core<XdpDevice>>,
    /// The socket, to wait for it.
    fd: OwnedFd,
    clock: quanta::Clock,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("fd", &self.fd).finish_non_exhaustive()
    }
}

fn now(clock: &quanta::Clock) -> Instant {
    Instant::from_micros((clock.delta_as_nanos(0, clock.raw()) / 1000) as i64)
}

impl Shared {
    #[inline]
    pub fn now(&self) -> Instant {
        now(&self.clock)
    }

    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, Core<XdpDevice>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Waits for frames, for a timer, or for what another thread may have done; not longer than `at_most`.
    pub fn wait(&self, at_most: Duration) {
        let due = self.lock().due();
        let until_due = due.total_micros().saturating_sub(self.now().total_micros()).max(0);
        let at_most = at_most.min(LOOK_EVERY).min(Duration::from_micros(until_due as u64));
        socket::wait(self.fd(), at_most);
    }

    /// Gives back the memory of connections that have ended.
    pub fn sweep(&self) {
        let mut ended: Vec<tcp::Socket<'static>> = Vec::new();
        self.lock().sweep(&mut ended);
        drop(ended);
    }

    /// The owner of a connection is gone.
    pub fn release(&self, handle: SocketHandle) {
        self.lock().release(handle, self.now());
        self.sweep();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let start = std::time::Instant::now();
        while self.lock().lingers() && start.elapsed() < LINGER {
            self.wait(LINGER);
            let now = self.now();
            self.lock().drive_if_due(now);
        }
    }
}
