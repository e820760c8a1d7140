//! Two stacks on a simulated cable, in virtual time; and one against the kernel's over a cable that loses.

mod ends;
mod faults;
mod kernel;
mod network;
mod streams;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use smoltcp::phy::{self, DeviceCapabilities};

use super::super::device;
use super::*;

pub const NEAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const FAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub const PORT: u16 = 4001;

/// Frames on their way to one end.
pub type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One end of a cable.
pub struct Cable {
    pub inward: Queue,
    pub outward: Queue,
    pub mtu: usize,
}

pub struct Received(Vec<u8>);
pub struct Sending(Queue);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Sending {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let done = write(&mut frame);
        self.0.borrow_mut().push_back(frame);
        done
    }
}

impl Device for Cable {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending)> {
        let frame = self.inward.borrow_mut().pop_front()?;
        Some((Received(frame), Sending(Rc::clone(&self.outward))))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending> {
        Some(Sending(Rc::clone(&self.outward)))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        device::capabilities(self.mtu)
    }
}

impl Port for Cable {
    fn has_frames(&self) -> bool {
        !self.inward.borrow().is_empty()
    }

    fn begin(&mut self) {}

    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn identity(address: Ipv4Addr, gateway: Option<Ipv4Addr>) -> Identity {
    let mac = [2, 0, 0, 0, 0, address.octets()[3]];
    Identity { mac, address, prefix: 24, gateway, seed: u64::from(u32::from(address)) }
}

/// Two stacks; what passes between them is seen and may be changed on the way.
pub struct World {
    pub ends: [Core<Cable>; 2],
    pub now: Instant,
    /// What end 0 and end 1 have sent and is not on its way yet.
    sent: [Queue; 2],
    inward: [Queue; 2],
}

impl World {
    pub fn new(mtu: usize) -> Self {
        Self::with(mtu, [identity(NEAR, None), identity(FAR, None)])
    }

    pub fn with(mtu: usize, identities: [Identity; 2]) -> Self {
        let now = Instant::from_secs(1000);
        let sent: [Queue; 2] = Default::default();
        let inward: [Queue; 2] = Default::default();
        let end = |at: usize| {
            let cable =
                Cable { inward: Rc::clone(&inward[at]), outward: Rc::clone(&sent[at]), mtu };
            Core::new(cable, identities[at], now).unwrap()
        };
        Self { ends: [end(0), end(1)], now, sent, inward }
    }

    /// One round at both ends, then a little later; `on_frame` may change, keep or multiply what end
    /// `from` has sent: it pushes what is to arrive.
    pub fn round(&mut self, mut on_frame: impl FnMut(usize, Vec<u8>, &mut Vec<Vec<u8>>)) {
        for end in &mut self.ends {
            end.drive_if_due(self.now);
        }
        let mut quiet = true;
        for from in 0..2 {
            let mut arrives = Vec::new();
            for frame in self.sent[from].borrow_mut().drain(..) {
                on_frame(from, frame, &mut arrives);
                quiet = false;
            }
            self.inward[1 - from].borrow_mut().extend(arrives);
        }
        let step = Duration::from_micros(20);
        // Nobody has anything to do before the next timer.
        let next = if quiet { self.ends[0].due().min(self.ends[1].due()) } else { self.now };
        let far = self.now + Duration::from_secs(5);
        self.now = (self.now + step).max(next.min(far));
    }

    /// Rounds on a perfect cable until `done`.
    pub fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..20_000 {
            if done(self) {
                return;
            }
            self.round(|_, frame, arrives| arrives.push(frame));
        }
        panic!("nothing happened");
    }

    /// A connection from end 0 to end 1.
    pub fn connected(&mut self) -> [SocketHandle; 2] {
        let there = self.ends[1].listen(new_socket(), PORT).unwrap();
        let to = SocketAddrV4::new(self.ends[1].address(), PORT);
        let here = self.ends[0].connect(new_socket(), to, self.now).unwrap();
        self.until(|world| {
            let states = [world.ends[0].state(here), world.ends[1].state(there)];
            states == [State::Established; 2]
        });
        [here, there]
    }

    pub fn send(&mut self, end: usize, handle: SocketHandle, bytes: &[u8]) {
        assert_eq!(self.ends[end].transmit(handle, bytes, self.now), Ok(bytes.len()));
    }

    pub fn receive(&mut self, end: usize, handle: SocketHandle) -> Result<Vec<u8>, WireError> {
        let mut into = vec![0; XDP_RECEIVE_BYTES];
        let count = self.ends[end].receive(handle, &mut into, self.now)?;
        into.truncate(count);
        Ok(into)
    }

    /// Receives until the end; returns what came before it.
    pub fn drain(&mut self, end: usize, handle: SocketHandle) -> (Vec<u8>, WireError) {
        let (mut got, mut over) = (vec![], None);
        self.until(|world| {
            match world.receive(end, handle) {
                Ok(bytes) => got.extend(bytes),
                Err(error) => over = Some(error),
            }
            over.is_some()
        });
        (got, over.unwrap())
    }
}
