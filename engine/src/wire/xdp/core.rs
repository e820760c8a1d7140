//! The TCP/IP stack and its connections over any device, as a state machine: it is handed the time and
//! does nothing by itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Device, TxToken};
use smoltcp::socket::tcp::{self, CongestionControl, RecvError, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    HardwareAddress, IpCidr, Ipv4Cidr,
};

use super::XdpError;
use super::device::ETHERNET;
use crate::limits::{XDP_CONNECTIONS, XDP_RECEIVE_BYTES, XDP_SEND_BYTES};
use crate::touched;
use crate::wire::WireError;

/// A device that takes part in rounds: what arrives during one is for the next.
pub(super) trait Port: Device {
    /// Whether there is something to receive, or left to send.
    fn has_frames(&self) -> bool;
    /// A round begins.
    fn begin(&mut self);
    /// A round ends: what was sent in it leaves now.
    fn end(&mut self) -> io::Result<()>;
}

/// How the stack is known on its network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub mac: [u8; 6],
    pub address: Ipv4Addr,
    pub prefix: u8,
    pub gateway: Option<Ipv4Addr>,
    /// For sequence numbers and ports.
    pub seed: u64,
}

/// How often the gateway is asked for its hardware address. smoltcp forgets it after a minute, and an
/// order would have to wait for the answer.
const ASK_GATEWAY_EVERY: Duration = Duration::from_secs(20);
/// How long a connection without an owner may take to end before it is reset.
const ORPHAN_LIFE: Duration = Duration::from_secs(10);
/// A peer that was not heard of for so long is given up: the connection is reset.
const UNHEARD: Duration = Duration::from_secs(60);
/// After such a silence it is asked whether it is there.
const ASK_PEER_AFTER: Duration = Duration::from_secs(15);
/// The ports from which connections are made (RFC 6335 section 6).
const FIRST_PORT: u16 = 49_152;

/// A stack.
pub(super) struct Core<P> {
    port: P,
    interface: Interface,
    sockets: SocketSet<'static>,
    network: Ipv4Cidr,
    identity: Identity,
    /// Connections whose owner is gone, and since when.
    orphans: Vec<(SocketHandle, Instant)>,
    open: usize,
    next_port: u16,
    ask_gateway_at: Instant,
    /// When something is to be done even if nothing arrives.
    due: Instant,
    failed: Option<WireError>,
}

/// The far future.
const NEVER: Instant = Instant::from_micros_const(i64::MAX);

impl<P: Port> Core<P> {
    pub fn new(mut port: P, identity: Identity, now: Instant) -> Result<Self, XdpError> {
        let Identity { mac, address, prefix, gateway, seed } = identity;
        if !(1..=32).contains(&prefix)
            || address.is_unspecified()
            || address.is_multicast()
            || address.is_broadcast()
        {
            return Err(XdpError::Address("our address is none that a host can have"));
        }
        let network = Ipv4Cidr::new(address, prefix);
        if gateway.is_some_and(|gateway| !network.contains_addr(&gateway) || gateway == address) {
            return Err(XdpError::Address("the gateway is not in the network of our address"));
        }
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(mac)));
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut port, now);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::Ipv4(network)).expect("there is room for one");
        });
        if let Some(gateway) = gateway {
            let added = interface.routes_mut().add_default_ipv4_route(gateway);
            added.expect("there is room for one");
        }
        let storage: Vec<SocketStorage<'static>> =
            (0..XDP_CONNECTIONS).map(|_| SocketStorage::EMPTY).collect();
        Ok(Self {
            port,
            interface,
            sockets: SocketSet::new(storage),
            network,
            identity,
            orphans: Vec::with_capacity(XDP_CONNECTIONS),
            open: 0,
            next_port: FIRST_PORT + (seed % u64::from(u16::MAX - FIRST_PORT)) as u16,
            ask_gateway_at: if gateway.is_some() { now } else { NEVER },
            due: now,
            failed: None,
        })
    }

    #[cfg(test)]
    pub const fn port(&mut self) -> &mut P {
        &mut self.port
    }

    /// Our address.
    pub const fn address(&self) -> Ipv4Addr {
        self.identity.address
    }

    /// When [`Core::drive`] has something to do even if nothing arrives.
    pub const fn due(&self) -> Instant {
        self.due
    }

    /// Receives, answers, sends and looks after the timers.
    pub fn drive(&mut self, now: Instant) {
        self.port.begin();
        self.interface.poll(now, &mut self.port, &mut self.sockets);
        if !self.orphans.is_empty() && self.end_orphans(now) {
            self.interface.poll(now, &mut self.port, &mut self.sockets);
        }
        if now >= self.ask_gateway_at {
            self.ask_gateway(now);
        }
        if let Err(error) = self.port.end() {
            self.failed.get_or_insert(WireError::Io(error.kind()));
        }
        let next = self.interface.poll_at(now, &self.sockets).unwrap_or(NEVER);
        self.due = next.min(self.ask_gateway_at);
    }

    /// Drives if there is anything to do.
    #[inline]
    pub fn drive_if_due(&mut self, now: Instant) {
        if now >= self.due || self.port.has_frames() {
            self.drive(now);
        }
    }

    /// Begins to connect; [`Core::state`] tells what becomes of it.
    pub fn connect(
        &mut self,
        socket: tcp::Socket<'static>,
        to: SocketAddrV4,
        now: Instant,
    ) -> io::Result<SocketHandle> {
        if !self.network.contains_addr(to.ip()) && self.identity.gateway.is_none() {
            return Err(io::ErrorKind::NetworkUnreachable.into());
        }
        let handle = self.add(socket)?;
        // An interface that was down may be up again.
        self.failed = None;
        let port = self.free_port();
        let socket = self.sockets.get_mut::<tcp::Socket>(handle);
        if socket.connect(self.interface.context(), to, port).is_err() {
            self.remove(handle);
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.drive(now);
        Ok(handle)
    }

    /// Waits for one connection to `port`.
    pub fn listen(&mut self, socket: tcp::Socket<'static>, port: u16) -> io::Result<SocketHandle> {
        let handle = self.add(socket)?;
        if self.sockets.get_mut::<tcp::Socket>(handle).listen(port).is_err() {
            self.remove(handle);
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(handle)
    }

    /// The state of a connection.
    pub fn state(&self, handle: SocketHandle) -> State {
        self.sockets.get::<tcp::Socket>(handle).state()
    }

    /// The failure of the device, if it has failed.
    pub const fn failure(&self) -> Option<WireError> {
        self.failed
    }

    /// See [`Receive::receive`](crate::wire::Receive::receive).
    #[inline]
    pub fn receive(
        &mut self,
        handle: SocketHandle,
        into: &mut [u8],
        now: Instant,
    ) -> Result<usize, WireError> {
        self.drive_if_due(now);
        let socket = self.sockets.get_mut::<tcp::Socket>(handle);
        match socket.recv_slice(into) {
            Ok(0) => self.failed.map_or(Ok(0), Err),
            Ok(count) => {
                // The window has opened: to be told in the next round, when nothing waits for us.
                self.due = now;
                Ok(count)
            }
            Err(RecvError::Finished) => Err(WireError::Closed),
            Err(RecvError::InvalidState) => Err(WireError::Reset),
        }
    }

    /// See [`Transmit::transmit`](crate::wire::Transmit::transmit).
    #[inline]
    pub fn transmit(
        &mut self,
        handle: SocketHandle,
        bytes: &[u8],
        now: Instant,
    ) -> Result<usize, WireError> {
        let mut taken = self.give(handle, bytes)?;
        if taken == 0 {
            // Acknowledgements make room.
            self.drive_if_due(now);
            taken = self.give(handle, bytes)?;
        }
        if taken > 0 {
            self.drive(now);
        }
        self.failed.map_or(Ok(taken), Err)
    }

    fn give(&mut self, handle: SocketHandle, bytes: &[u8]) -> Result<usize, WireError> {
        let socket = self.sockets.get_mut::<tcp::Socket>(handle);
        socket.send_slice(bytes).map_err(|_| WireError::Reset)
    }

    /// Ends our direction, after what was taken.
    pub fn shut_down(&mut self, handle: SocketHandle, now: Instant) {
        self.sockets.get_mut::<tcp::Socket>(handle).close();
        self.drive(now);
    }

    /// Resets the connection.
    pub fn abort(&mut self, handle: SocketHandle, now: Instant) {
        self.sockets.get_mut::<tcp::Socket>(handle).abort();
        self.drive(now);
    }

    /// The owner is gone. What was taken is still sent, in good order; but a peer whose bytes nobody
    /// reads any more is told so by a reset, as the kernel does it.
    pub fn release(&mut self, handle: SocketHandle, now: Instant) {
        self.drive_if_due(now);
        let socket = self.sockets.get_mut::<tcp::Socket>(handle);
        if socket.can_recv() {
            socket.abort()
        } else {
            socket.close()
        }
        self.orphans.push((handle, now));
        self.drive(now);
    }

    /// Whether a connection without an owner has something that the peer has not acknowledged.
    pub fn lingers(&self) -> bool {
        self.orphans.iter().any(|(handle, _)| {
            use State::{Closing, Established, FinWait1, LastAck, SynReceived};
            matches!(self.state(*handle), Closing | Established | FinWait1 | LastAck | SynReceived)
        })
    }

    /// Takes out what has ended. Its memory is the caller's to give back, without the lock.
    pub fn sweep(&mut self, ended: &mut Vec<tcp::Socket<'static>>) {
        // The last of them only when there is no room: the peer may repeat its FIN.
        let crowded = self.open + 2 > XDP_CONNECTIONS;
        let mut at = 0;
        while at < self.orphans.len() {
            let (handle, _) = self.orphans[at];
            let over = match self.state(handle) {
                State::Closed => true,
                State::TimeWait => crowded,
                _ => false,
            };
            if over {
                self.orphans.swap_remove(at);
                ended.extend(self.remove(handle));
            } else {
                at += 1;
            }
        }
    }

    /// Resets what nobody owns when its peer goes on sending, or does not end.
    fn end_orphans(&mut self, now: Instant) -> bool {
        let mut ended = false;
        for (handle, since) in &self.orphans {
            let socket = self.sockets.get_mut::<tcp::Socket>(*handle);
            let late = now - *since > ORPHAN_LIFE && socket.state() != State::TimeWait;
            if socket.is_open() && (socket.can_recv() || late) {
                socket.abort();
                ended = true;
            }
        }
        ended
    }

    fn add(&mut self, socket: tcp::Socket<'static>) -> io::Result<SocketHandle> {
        if self.open == XDP_CONNECTIONS {
            return Err(io::Error::new(
                io::ErrorKind::QuotaExceeded,
                "the AF_XDP stack has no room for another connection",
            ));
        }
        self.open += 1;
        Ok(self.sockets.add(socket))
    }

    fn remove(&mut self, handle: SocketHandle) -> Option<tcp::Socket<'static>> {
        self.open -= 1;
        match self.sockets.remove(handle) {
            smoltcp::socket::Socket::Tcp(socket) => Some(socket),
            #[expect(unreachable_patterns, reason = "other features have other sockets")]
            _ => None,
        }
    }

    /// A port that no connection of ours has, ended ones included.
    fn free_port(&mut self) -> u16 {
        loop {
            let port = self.next_port;
            self.next_port = if port == u16::MAX { FIRST_PORT } else { port + 1 };
            let taken = self.sockets.iter().any(|(_, socket)| match socket {
                smoltcp::socket::Socket::Tcp(socket) => {
                    socket.local_endpoint().is_some_and(|local| local.port == port)
                        || socket.listen_endpoint().port == port
                }
                #[expect(unreachable_patterns, reason = "other features have other sockets")]
                _ => false,
            });
            if !taken {
                return port;
            }
        }
    }

    /// Asks the gateway for its hardware address; smoltcp keeps any answer to us.
    fn ask_gateway(&mut self, now: Instant) {
        let Some(gateway) = self.identity.gateway else { return };
        self.ask_gateway_at = now + ASK_GATEWAY_EVERY;
        let question = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_hardware_addr: EthernetAddress(self.identity.mac),
            source_protocol_addr: self.identity.address,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: gateway,
        };
        // With nothing to send with it is asked next time.
        let Some(token) = self.port.transmit(now) else { return };
        token.consume(ETHERNET + question.buffer_len(), |bytes| {
            let mut frame = EthernetFrame::new_unchecked(bytes);
            frame.set_src_addr(EthernetAddress(self.identity.mac));
            frame.set_dst_addr(EthernetAddress::BROADCAST);
            frame.set_ethertype(EthernetProtocol::Arp);
            question.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
        });
    }
}

/// A socket with its buffers, to be made before the lock is taken.
pub(super) fn new_socket() -> tcp::Socket<'static> {
    let buffer = |bytes: usize| tcp::SocketBuffer::new(touched::slice(0, bytes).into_vec());
    let mut socket = tcp::Socket::new(buffer(XDP_RECEIVE_BYTES), buffer(XDP_SEND_BYTES));
    socket.set_nagle_enabled(false);
    socket.set_congestion_control(CongestionControl::Reno);
    socket.set_timeout(Some(UNHEARD));
    socket.set_keep_alive(Some(ASK_PEER_AFTER));
    socket
}

#[cfg(test)]
mod tests;
