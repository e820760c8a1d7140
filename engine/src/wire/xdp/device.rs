//! An AF_XDP socket as a network device of smoltcp's. Frames are read and written where they lie in the
//! memory that is shared with the kernel.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use super::bpf::Attached;
use super::core::Port;
use super::ring::Producer;
use super::socket::{Interface, Rings, Xsk};
use super::umem::{Frame, Umem};
use super::{XdpConfig, XdpError};
use crate::limits::{XDP_FRAME_BYTES, XDP_MTU_MAX, XDP_RECEIVE_FRAMES, XDP_SEND_FRAMES};

/// Bytes of an Ethernet header.
pub(super) const ETHERNET: usize = 14;

/// One queue of one interface.
#[derive(Debug)]
pub(super) struct XdpDevice {
    // The order of the fields is the order of their drop: no more frames come, the rings and the memory
    // are unmapped, then the socket is closed. As long as a ring is mapped the queue stays taken.
    #[cfg_attr(not(test), expect(dead_code, reason = "detaches when dropped"))]
    attached: Attached,
    rings: Rings,
    umem: Umem,
    /// Frames to send with.
    free: Vec<Frame>,
    /// There is something on the send ring that the kernel was not told of, or did not take.
    unsent: bool,
    mtu: usize,
    mac: [u8; 6],
    socket: Xsk,
}

impl XdpDevice {
    /// Takes the queue. All memory is taken here.
    pub fn open(config: &XdpConfig) -> Result<Self, XdpError> {
        let interface = Interface::find(&config.interface)?;
        let fail = |error| XdpError::of("packet memory", error);
        let (umem, mut free) = Umem::new(XDP_RECEIVE_FRAMES + XDP_SEND_FRAMES).map_err(fail)?;
        let (socket, mut rings) = Xsk::new(&umem)?;
        for frame in free.split_off(XDP_SEND_FRAMES as usize) {
            let fits = rings.fill.push(umem.lend(frame));
            assert!(fits, "the ring has a place for each of these frames");
        }
        rings.fill.publish();
        socket.bind(&interface, config.queue)?;
        let attached = Attached::new(&interface, config, socket.as_fd())?;
        let mtu = interface.mtu.min(XDP_MTU_MAX);
        Ok(Self { attached, rings, umem, free, unsent: false, mtu, mac: interface.mac, socket })
    }

    /// The hardware address of the interface.
    pub const fn mac(&self) -> [u8; 6] {
        self.mac
    }

    #[cfg(test)]
    pub const fn attached(&self) -> &Attached {
        &self.attached
    }

    /// Frames that were sent come back.
    fn reclaim(&mut self) {
        self.rings.completion.refresh();
        while let Some(address) = self.rings.completion.pop() {
            let (frame, _) =
                self.umem.take_back(address).expect("the kernel completes what it has");
            self.free.push(frame);
        }
        self.rings.completion.release();
    }

    fn has_free(&mut self) -> bool {
        if self.free.is_empty() {
            self.reclaim();
        }
        !self.free.is_empty()
    }
}

impl AsFd for XdpDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Port for XdpDevice {
    #[inline]
    fn has_frames(&self) -> bool {
        self.unsent || self.rings.receive.has_more()
    }

    fn begin(&mut self) {
        self.rings.receive.refresh();
    }

    fn end(&mut self) -> io::Result<()> {
        self.rings.receive.release();
        self.rings.fill.publish();
        if self.unsent {
            self.rings.send.publish();
            let taken = !self.rings.send.needs_wakeup() || self.socket.kick()?;
            self.unsent =
                !(taken && (self.rings.send.is_drained() || !self.rings.send.needs_wakeup()));
        }
        Ok(())
    }
}

impl Device for XdpDevice {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        if !self.has_free() {
            return None;
        }
        let descriptor = self.rings.receive.pop()?;
        let (frame, at) =
            self.umem.take_back(descriptor.addr).expect("the kernel fills frames that it has");
        let (umem, len) = (&self.umem, descriptor.len as usize);
        let rx = RxToken { umem, frame: Some(frame), at, len, fill: &mut self.rings.fill };
        let tx = TxToken {
            umem,
            free: &mut self.free,
            send: &mut self.rings.send,
            unsent: &mut self.unsent,
        };
        Some((rx, tx))
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        self.has_free().then_some(TxToken {
            umem: &self.umem,
            free: &mut self.free,
            send: &mut self.rings.send,
            unsent: &mut self.unsent,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        capabilities(self.mtu)
    }
}

/// Ethernet with checksums in software.
pub(super) fn capabilities(mtu: usize) -> DeviceCapabilities {
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ethernet;
    capabilities.max_transmission_unit = mtu + ETHERNET;
    capabilities
}

/// A frame that was received; back to the kernel when dropped.
pub(super) struct RxToken<'a> {
    umem: &'a Umem,
    frame: Option<Frame>,
    at: usize,
    len: usize,
    fill: &'a mut Producer<u64>,
}

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        match &self.frame {
            Some(frame) => read(self.umem.bytes(frame, self.at, self.len)),
            None => read(&[]),
        }
    }
}

impl Drop for RxToken<'_> {
    fn drop(&mut self) {
        if let Some(frame) = self.frame.take() {
            let fits = self.fill.push(self.umem.lend(frame));
            assert!(fits, "the ring has a place for each of these frames");
        }
    }
}

/// Leave to send one frame; there is one to send with.
pub(super) struct TxToken<'a> {
    umem: &'a Umem,
    free: &'a mut Vec<Frame>,
    send: &'a mut Producer<libc::xdp_desc>,
    unsent: &'a mut bool,
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        assert!(len <= XDP_FRAME_BYTES, "longer than the interface allows");
        let mut frame = self.free.pop().expect("a token is given out only with a frame for it");
        let done = write(self.umem.bytes_mut(&mut frame, len));
        let addr = self.umem.lend(frame);
        let fits = self.send.push(libc::xdp_desc { addr, len: len as u32, options: 0 });
        assert!(fits, "the ring has a place for each of these frames");
        *self.unsent = true;
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xdp::testing;

    /// The kernel publishes what it received before it publishes that it took the frames for it.
    #[test]
    fn every_frame_can_come_back_before_the_kernel_says_that_it_took_one() {
        let Some((_veth, device)) = testing::device(testing::NEAR) else { return };
        assert!(device.rings.fill.room() >= XDP_RECEIVE_FRAMES);
        assert!(device.rings.send.room() >= 2 * XDP_SEND_FRAMES);
    }
}
