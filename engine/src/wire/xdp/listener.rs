//! Waiting for connections. smoltcp's sockets take one connection each, so a few of them wait.

use std::io;
use std::sync::Arc;

use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;

use super::Connection;
use super::core::new_socket;
use super::stack::Shared;
use crate::limits::XDP_BACKLOG;

/// Takes connections to one port.
#[derive(Debug)]
pub struct Listener {
    stack: Arc<Shared>,
    port: u16,
    waiting: Vec<SocketHandle>,
}

impl Listener {
    pub(super) fn new(stack: Arc<Shared>, port: u16) -> io::Result<Self> {
        let mut listener = Self { stack, port, waiting: Vec::with_capacity(XDP_BACKLOG) };
        for _ in 0..XDP_BACKLOG {
            listener.add()?;
        }
        Ok(listener)
    }

    fn add(&mut self) -> io::Result<()> {
        let socket = new_socket();
        self.stack.sweep();
        let handle = self.stack.lock().listen(socket, self.port)?;
        self.waiting.push(handle);
        Ok(())
    }

    /// The next connection. Does not block.
    ///
    /// # Errors
    /// `WouldBlock` if there is none now; `QuotaExceeded` if the stack has no room for one more to wait.
    pub fn accept(&mut self) -> io::Result<Connection> {
        let mut core = self.stack.lock();
        core.drive_if_due(self.stack.now());
        let done = self
            .waiting
            .iter()
            .position(|handle| !matches!(core.state(*handle), State::Listen | State::SynReceived));
        drop(core);
        let Some(done) = done else { return Err(io::ErrorKind::WouldBlock.into()) };
        let handle = self.waiting.swap_remove(done);
        let connection = Connection::new(Arc::clone(&self.stack), handle);
        self.add()?;
        Ok(connection)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        for handle in self.waiting.drain(..) {
            self.stack.release(handle);
        }
    }
}
