//! io_uring: one multishot receive that stays armed and fills buffers we provide.
//!
//! ```text
//!            kernel                                        us
//!   socket -> takes the next buffer of the buffer ring  -> completion (buffer id, length)
//!             posts the completion when we enter           copied out, the id goes back on the ring
//! ```
//!
//! **The rings.** `IORING_SETUP_SINGLE_ISSUER | DEFER_TASKRUN | TASKRUN_FLAG`: arrivals are only
//! noted, and a bit in the submission ring's flags (shared memory) says so. [`UringRx::receive`]
//! reads that bit, and enters the kernel, without waiting, only when it is set; the kernel then
//! posts the completions. So an idle spin makes no system call at all.
//!
//! **The trap.** With these flags nothing ever appears in the completion queue of a program that
//! only looks at the queue and never enters: it waits for ever. A test below keeps that fact.
//!
//! **Threads.** A ring belongs to the thread that enables it. It is therefore made disabled
//! (`R_DISABLED`) with all its memory in [`UringRx::new`], wherever that runs, and enabled by the
//! first `receive` or `wait`. Afterwards another thread gets an error from the kernel, not a race.
#![allow(unsafe_code)]

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, CancelBuilder, Fd, Timespec};
use io_uring::{IoUring, cqueue, opcode};

use super::arrivals::{self, CONTROL};
use super::{Receive, WireError};
use crate::limits::{URING_BUFFER_BYTES, URING_BUFFERS};

/// The only buffer group of a ring.
const GROUP: u16 = 0;
/// The only request of a ring.
const RECEIVE: u64 = 1;
const PAGE: usize = 4096;

/// The receiving half.
pub struct UringRx {
    // The order of the fields is the order of their drop: the ring (and with it every request that
    // may write to the buffers) goes before the buffers.
    ring: IoUring,
    buffers: Buffers,
    stream: TcpStream,
    enabled: bool,
    /// The receive is in the kernel and will post more.
    armed: bool,
    held: Option<Held>,
    /// What the kernel is asked for beside the bytes.
    stamped: Option<Box<Stamped>>,
    /// The last stamp.
    arrived: Option<u64>,
    ended: Option<WireError>,
    /// Times that the receive ended for want of a buffer.
    #[cfg(test)]
    starved: u32,
}

/// The message header of a receive with stamps: no name, room for a control message, and the buffer is chosen
/// by the kernel. It fills one as `struct io_uring_recvmsg_out`, the room, the bytes.
struct Stamped(libc::msghdr);

// SAFETY: its pointers are null and stay so.
unsafe impl Send for Stamped {}

impl Stamped {
    /// `struct io_uring_recvmsg_out`: four numbers of 32 bits, the second of which is the length of the control data.
    const HEAD: usize = 16;
    /// What stands before the bytes.
    const BEFORE: usize = Self::HEAD + CONTROL;

    fn new() -> Self {
        // SAFETY: it is made of integers and pointers, for which zero is a value.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_controllen = CONTROL;
        Self(header)
    }
}

/// A completion whose bytes are partly copied out.
#[derive(Debug, Clone, Copy)]
struct Held {
    id: u16,
    from: usize,
    to: usize,
}

impl std::fmt::Debug for UringRx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UringRx")
            .field("stream", &self.stream)
            .field("armed", &self.armed)
            .field("held", &self.held)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl UringRx {
    /// Makes the ring and its buffers for a non-blocking socket.
    ///
    /// # Errors
    /// The kernel lacks io_uring, forbids it, or is older than 6.1: the message says what to do.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        Self::with(stream, io_uring::Builder::setup_defer_taskrun)
    }

    /// With a ring whose work is done as `taskrun` sets it up.
    fn with(
        stream: TcpStream,
        taskrun: impl FnOnce(&mut io_uring::Builder) -> &mut io_uring::Builder,
    ) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        taskrun(&mut builder)
            .setup_r_disabled()
            .setup_single_issuer()
            .setup_taskrun_flag()
            .setup_cqsize(2 * u32::from(URING_BUFFERS));
        let ring = builder.build(8).map_err(|e| explain("cannot make a ring", &e))?;
        if !ring.params().is_feature_ext_arg() {
            return Err(explain("no timed wait", &ErrorKind::Unsupported.into()));
        }
        let buffers = Buffers::new()?;
        // SAFETY: the address is that of a page-aligned mapping with room for `URING_BUFFERS`
        // entries, which lives in `Self::buffers` and is dropped after the ring.
        unsafe {
            ring.submitter().register_buf_ring_with_flags(
                buffers.memory.as_ptr() as u64,
                URING_BUFFERS,
                GROUP,
                0,
            )
        }
        .map_err(|e| explain("cannot provide buffers", &e))?;
        Ok(Self {
            ring,
            buffers,
            stream,
            enabled: false,
            armed: false,
            held: None,
            stamped: None,
            arrived: None,
            ended: None,
            #[cfg(test)]
            starved: 0,
        })
    }

    /// Has each receive tell when the kernel took the bytes; before the first of them.
    pub(super) fn stamp_arrivals(&mut self) -> io::Result<()> {
        assert!(!self.enabled, "the receive is armed without it");
        arrivals::ask(self.stream.as_fd())?;
        self.stamped = Some(Box::new(Stamped::new()));
        Ok(())
    }

    /// Enables the ring for this thread and keeps the receive armed.
    fn arm(&mut self) -> Result<(), WireError> {
        if !self.enabled {
            self.ring.submitter().register_enable_rings()?;
            self.enabled = true;
        }
        let socket = Fd(self.stream.as_raw_fd());
        let entry = match &self.stamped {
            None => opcode::RecvMulti::new(socket, GROUP).build(),
            Some(stamped) => opcode::RecvMsgMulti::new(socket, &raw const stamped.0, GROUP).build(),
        };
        let entry = entry.user_data(RECEIVE);
        // SAFETY: the entry holds no address but that of the message header, which is in a box of `self` that is not
        // changed and is dropped after the ring; the buffers that it selects are registered and
        // outlive the ring; the socket is open as long as `self.stream`. The queue has room, as
        // there is never more than this one entry in it.
        if unsafe { self.ring.submission().push(&entry) }.is_err() {
            return Err(WireError::Io(ErrorKind::ResourceBusy));
        }
        self.armed = true;
        self.enter()
    }

    /// One `io_uring_enter` that submits what is queued and, if there is work, does it; never
    /// waits.
    fn enter(&mut self) -> Result<(), WireError> {
        match self.ring.submit() {
            Ok(_) => Ok(()),
            // Nothing is lost: the entry stays queued, the flag stays set, and we come again.
            Err(e) if matches!(e.kind(), ErrorKind::Interrupted | ErrorKind::ResourceBusy) => {
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Whether the kernel has something to tell that only an enter brings out.
    #[inline]
    fn has_news(&mut self) -> bool {
        let queue = self.ring.submission();
        queue.taskrun() || queue.cq_overflow() || !queue.is_empty()
    }

    /// Copies out completions until `into` is full or none is left; returns the bytes copied.
    fn reap(&mut self, into: &mut [u8]) -> usize {
        let mut filled = 0;
        loop {
            if let Some(held) = &mut self.held {
                let count = (held.to - held.from).min(into.len() - filled);
                self.buffers.copy(held.id, held.from, &mut into[filled..filled + count]);
                filled += count;
                held.from += count;
                if held.from < held.to {
                    return filled;
                }
                let id = held.id;
                self.held = None;
                self.buffers.give_back(id);
            }
            if filled == into.len() || self.ended.is_some() {
                return filled;
            }
            let Some(completion) = self.ring.completion().next() else { return filled };
            self.take(completion.result(), completion.flags());
        }
    }

    /// Notes one completion.
    fn take(&mut self, result: i32, flags: u32) {
        if !cqueue::more(flags) {
            self.armed = false;
        }
        let buffer = cqueue::buffer_select(flags);
        let from = if self.stamped.is_some() { Stamped::BEFORE } else { 0 };
        match usize::try_from(result) {
            Ok(count) if count == 0 || count == from => self.ended = Some(WireError::Closed),
            Ok(count) => match buffer {
                Some(id) if id < URING_BUFFERS && (from..=URING_BUFFER_BYTES).contains(&count) => {
                    if from > 0 {
                        self.arrived = self.stamp(id);
                    }
                    self.held = Some(Held { id, from, to: count });
                    return;
                }
                _ => self.ended = Some(WireError::Io(ErrorKind::InvalidData)),
            },
            // Out of buffers: they are all in the completions that we have just copied out.
            Err(_) if result == -libc::ENOBUFS || result == -libc::EINTR => {
                #[cfg(test)]
                {
                    self.starved += u32::from(result == -libc::ENOBUFS);
                }
            }
            Err(_) => self.ended = Some(io::Error::from_raw_os_error(-result).into()),
        }
        if let Some(id) = buffer.filter(|id| *id < URING_BUFFERS) {
            self.buffers.give_back(id);
        }
    }

    /// When what is in buffer `id` arrived.
    fn stamp(&self, id: u16) -> Option<u64> {
        let mut before = [0; Stamped::BEFORE];
        self.buffers.copy(id, 0, &mut before);
        let (head, control) = before.split_at(Stamped::HEAD);
        let length = u32::from_ne_bytes(head[4..8].try_into().expect("four bytes"));
        arrivals::in_control(control.get(..length as usize)?)
    }
}

impl AsRawFd for UringRx {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

impl Receive for UringRx {
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> Result<usize, WireError> {
        if into.is_empty() {
            return Ok(0);
        }
        let mut filled = self.reap(into);
        if filled == 0 && self.ended.is_none() {
            let asked = if !self.armed { self.arm() } else { Ok(()) };
            let entered = asked.and_then(|()| if self.has_news() { self.enter() } else { Ok(()) });
            if let Err(error) = entered {
                self.ended = Some(error);
            }
            filled = self.reap(into);
        }
        match self.ended {
            Some(error) if filled == 0 => Err(error),
            _ => Ok(filled),
        }
    }

    #[inline]
    fn arrived(&self) -> Option<u64> {
        self.arrived
    }
}

impl Drop for UringRx {
    fn drop(&mut self) {
        if self.armed {
            // Takes the receive off the socket before the ring goes, so that the socket closes
            // now. On another thread than the ring's the kernel refuses, and cancels by itself
            // when the ring's descriptor closes.
            let at_most = Timespec::new().nsec(10_000_000);
            let _ = self.ring.submitter().register_sync_cancel(Some(at_most), CancelBuilder::any());
        }
        let _ = self.ring.submitter().unregister_buf_ring(GROUP);
    }
}

fn explain(what: &str, cause: &io::Error) -> io::Error {
    io::Error::new(
        cause.kind(),
        format!(
            "io_uring: {what}: {cause}. It needs Linux 6.1 and /proc/sys/kernel/io_uring_disabled \
             = 0; the wires `busy-poll` and `mio` need neither"
        ),
    )
}

/// One mapping: first the ring of buffer descriptors that the kernel reads, then the buffers.
struct Buffers {
    memory: NonNull<u8>,
    /// What the ring's tail is, or will be after the next publication.
    tail: u16,
}

// SAFETY: the mapping is owned by this value alone; the kernel's side of it is not bound to a
// thread.
unsafe impl Send for Buffers {}

impl Buffers {
    const RING_BYTES: usize =
        (URING_BUFFERS as usize * size_of::<BufRingEntry>()).next_multiple_of(PAGE);
    const BYTES: usize = Self::RING_BYTES + URING_BUFFERS as usize * URING_BUFFER_BYTES;

    fn new() -> io::Result<Self> {
        // SAFETY: a new anonymous mapping touches no existing memory. Its pages are populated now,
        // so that the first message does not fault.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Self::BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(address.cast()).ok_or(ErrorKind::OutOfMemory)?;
        let mut buffers = Self { memory, tail: 0 };
        for id in 0..URING_BUFFERS {
            buffers.give_back(id);
        }
        Ok(buffers)
    }

    const fn offset(id: u16) -> usize {
        Self::RING_BYTES + id as usize * URING_BUFFER_BYTES
    }

    /// Copies from buffer `id`, which the kernel has handed over by a completion.
    #[inline]
    fn copy(&self, id: u16, from: usize, into: &mut [u8]) {
        assert!(id < URING_BUFFERS && from + into.len() <= URING_BUFFER_BYTES);
        // SAFETY: the range is inside the mapping by the assertion; the kernel does not write to a
        // buffer between its completion and `give_back`; `into` is another allocation.
        unsafe {
            let source = self.memory.as_ptr().add(Self::offset(id) + from);
            std::ptr::copy_nonoverlapping(source, into.as_mut_ptr(), into.len());
        }
    }

    /// Puts buffer `id` on the ring, so that the kernel may fill it. The ring never overflows, as
    /// it has one place per buffer and each is out at most once.
    #[inline]
    fn give_back(&mut self, id: u16) {
        assert!(id < URING_BUFFERS);
        let place = usize::from(self.tail & (URING_BUFFERS - 1));
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: `place` is below the number of entries, and the entry at `place` is not read by
        // the kernel until the tail says so. The entry's fields are plain integers. The tail
        // overlays the reserved field of entry 0, which the setters leave alone; the kernel reads
        // it with acquire, so the release store publishes the entry.
        unsafe {
            let address = self.memory.as_ptr().add(Self::offset(id)) as u64;
            let base = self.memory.as_ptr().cast::<BufRingEntry>();
            let entry = &mut *base.add(place);
            entry.set_addr(address);
            entry.set_len(URING_BUFFER_BYTES as u32);
            entry.set_bid(id);
            let tail = BufRingEntry::tail(base).cast_mut();
            AtomicU16::from_ptr(tail).store(self.tail, Ordering::Release);
        }
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        // SAFETY: made by `mmap` with this length and unmapped once. The ring, the only other user
        // of this memory, was dropped before (field order of `UringRx`): its requests are
        // cancelled, and what the kernel pinned of the descriptors it releases itself.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), Self::BYTES) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    fn pair() -> (UringRx, TcpStream) {
        let (ours, peer) = sockets();
        (UringRx::new(ours).unwrap(), peer)
    }

    fn sockets() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        let (peer, _) = listener.accept().unwrap();
        (ours, peer)
    }

    /// With COOP_TASKRUN in place of DEFER_TASKRUN.
    fn cooperative() -> (UringRx, TcpStream) {
        let (ours, peer) = sockets();
        (UringRx::with(ours, io_uring::Builder::setup_coop_taskrun).unwrap(), peer)
    }

    fn until(mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(20), "nothing happened");
            std::thread::yield_now();
        }
    }

    #[test]
    fn nothing_is_completed_without_entering_the_kernel() {
        let (mut rx, mut peer) = pair();
        let mut into = [0; 64];
        assert_eq!(rx.receive(&mut into), Ok(0));
        assert!(rx.armed);
        peer.write_all(b"8=FIX.4.4").unwrap();
        until(|| rx.ring.submission().taskrun());
        // The trap: the bytes are here, and a spin on the queue alone would never see them.
        for _ in 0..10_000 {
            assert!(rx.ring.completion().is_empty());
        }
        assert_eq!(rx.receive(&mut into), Ok(9));
        assert_eq!(&into[..9], b"8=FIX.4.4");
    }

    #[test]
    fn a_reader_that_only_spins_gets_every_message_whichever_way_the_ring_does_its_work() {
        for (mut rx, mut peer) in [pair(), cooperative()] {
            let mut into = [0; 64];
            assert_eq!(rx.receive(&mut into), Ok(0));
            // Each is waited for before the next one is sent, by nothing but `receive`: with COOP_TASKRUN too the
            // kernel may only note an arrival, in the flag that `receive` looks at.
            for number in 0..500_u32 {
                peer.write_all(&number.to_le_bytes()).unwrap();
                until(|| match rx.receive(&mut into).unwrap() {
                    0 => false,
                    count => {
                        assert_eq!(into[..count], number.to_le_bytes());
                        true
                    }
                });
            }
        }
    }

    #[test]
    fn a_completion_that_does_not_fit_is_kept() {
        let (mut rx, mut peer) = pair();
        peer.write_all(b"abcdefghij").unwrap();
        let mut got = vec![];
        let mut small = [0; 3];
        until(|| {
            let count = rx.receive(&mut small).unwrap();
            got.extend_from_slice(&small[..count]);
            got.len() == 10
        });
        assert_eq!(got, b"abcdefghij");
    }

    #[test]
    fn running_out_of_buffers_loses_nothing() {
        let (mut rx, mut peer) = pair();
        let mut into = vec![0; 8192];
        assert_eq!(rx.receive(&mut into), Ok(0));
        // More than all provided buffers hold, entered but not reaped: the receive ends with
        // ENOBUFS and is armed again.
        let total = 3 * usize::from(URING_BUFFERS) * URING_BUFFER_BYTES;
        let sent: Vec<u8> = (0..total).map(|i| (i / 7 % 251) as u8).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| peer.write_all(&sent).unwrap());
            until(|| {
                let _ = rx.ring.submit();
                let posted = rx.ring.completion().len();
                // One for each buffer, and one that says that there are no more.
                posted > usize::from(URING_BUFFERS)
            });
            let mut got = Vec::with_capacity(total);
            until(|| {
                let count = rx.receive(&mut into).unwrap();
                got.extend_from_slice(&into[..count]);
                got.len() >= total
            });
            assert!(got == sent);
            assert!(rx.starved > 0, "or nothing was armed again");
        });
    }

    #[test]
    fn a_ring_made_on_one_thread_is_used_on_another() {
        let (mut rx, mut peer) = pair();
        peer.write_all(b"x").unwrap();
        let got = std::thread::spawn(move || {
            let mut into = [0; 8];
            until(|| rx.receive(&mut into).unwrap() == 1);
            into[0]
        });
        assert_eq!(got.join().unwrap(), b'x');
    }

    #[test]
    fn a_dropped_reader_lets_the_socket_close() {
        use std::io::Read;
        let (mut rx, mut peer) = pair();
        let mut into = [0; 8];
        assert_eq!(rx.receive(&mut into), Ok(0));
        drop(rx);
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // The end of a ring interrupts its thread's system calls.
        let end = loop {
            match peer.read(&mut into) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                end => break end,
            }
        };
        assert_eq!(end.unwrap(), 0);
    }

    #[test]
    fn every_buffer_is_on_the_ring_exactly_once() {
        let mut buffers = Buffers::new().unwrap();
        let ids = |buffers: &Buffers| -> Vec<u16> {
            let base = buffers.memory.as_ptr().cast::<BufRingEntry>();
            // SAFETY: reads inside the mapping, on the only thread that knows of it.
            (0..usize::from(URING_BUFFERS)).map(|i| unsafe { (*base.add(i)).bid() }).collect()
        };
        let first: Vec<u16> = (0..URING_BUFFERS).collect();
        assert_eq!(ids(&buffers), first);
        // The naive model: a queue. What is taken from its front goes to its back, in any order.
        for round in 0..3 {
            let base = ids(&buffers);
            for id in base.iter().rev() {
                buffers.give_back(*id);
            }
            let mut wanted = base.clone();
            wanted.reverse();
            assert_eq!(ids(&buffers), wanted, "round {round}");
        }
    }
}
