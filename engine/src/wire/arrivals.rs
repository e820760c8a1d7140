//! When the kernel took bytes from the network: `SO_TIMESTAMPING` with software stamps, which every
//! driver and loopback have. A stamp is the system's time of day, in nanoseconds, of the last
//! packet that a read took something of.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, TimestampingFlag, recvmsg, setsockopt, sockopt,
};

/// The header of a control message: its length, level and type.
const HEADER: usize = size_of::<usize>() + 2 * size_of::<i32>();
/// Three times, of which the first is the kernel's: software, and two of the hardware.
const TIMES: usize = 3 * size_of::<libc::timespec>();
/// The control message that comes with each read.
pub(super) const CONTROL: usize = HEADER + TIMES;

/// Asks the kernel to stamp what this socket receives.
///
/// # Errors
/// The kernel refuses.
pub(super) fn ask(socket: BorrowedFd<'_>) -> io::Result<()> {
    let stamps = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    Ok(setsockopt(&socket, sockopt::Timestamping, &stamps)?)
}

/// Reads a socket together with the stamps.
#[derive(Debug)]
pub(super) struct Arrivals {
    control: Box<[u8]>,
    last: Option<u64>,
}

impl Arrivals {
    /// See [`ask`].
    pub(super) fn of(socket: impl AsFd) -> io::Result<Self> {
        ask(socket.as_fd())?;
        Ok(Self { control: vec![0; CONTROL].into_boxed_slice(), last: None })
    }

    /// Like `recv`.
    pub(super) fn read(&mut self, socket: impl AsFd, into: &mut [u8]) -> io::Result<usize> {
        let fd = socket.as_fd().as_raw_fd();
        let mut into = [IoSliceMut::new(into)];
        let control = Some(&mut *self.control);
        let message = recvmsg::<()>(fd, &mut into, control, MsgFlags::empty())?;
        let mut controls = message.cmsgs().into_iter().flatten();
        self.last = controls
            .find_map(|control| match control {
                ControlMessageOwned::ScmTimestampsns(times) => Some(times.system),
                _ => None,
            })
            .and_then(|at| nanos(at.tv_sec(), at.tv_nsec()));
        Ok(message.bytes)
    }

    /// The stamp of the last read that found bytes.
    pub(super) const fn last(&self) -> Option<u64> {
        self.last
    }
}

/// The stamp in the control message that the kernel wrote beside what it received.
pub(super) fn in_control(control: &[u8]) -> Option<u64> {
    let (head, times) = control.split_at_checked(HEADER)?;
    let (_, kind) = head.split_at(size_of::<usize>());
    let [level, kind] = [&kind[..4], &kind[4..]]
        .map(|number| i32::from_ne_bytes(number.try_into().expect("four bytes")));
    if (level, kind) != (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) {
        return None;
    }
    let number = |at: usize| {
        times
            .get(at..at + 8)
            .map(|bytes| i64::from_ne_bytes(bytes.try_into().expect("eight bytes")))
    };
    nanos(number(0)?, number(8)?)
}

/// `None` for the zero with which the kernel says that it has none.
fn nanos(seconds: i64, nanos: i64) -> Option<u64> {
    let all = u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?;
    let all = all.checked_add(u64::try_from(nanos).ok()?)?;
    (all > 0).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn control(level: i32, kind: i32, seconds: i64, nanos: i64) -> Vec<u8> {
        let mut bytes = CONTROL.to_ne_bytes().to_vec();
        bytes.extend(level.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(seconds.to_ne_bytes());
        bytes.extend(nanos.to_ne_bytes());
        bytes.resize(CONTROL, 0);
        bytes
    }

    #[test]
    fn a_stamp_is_read_out_of_a_control_message_and_out_of_nothing_else() {
        let (level, kind) = (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING);
        let stamp = control(level, kind, 1_700_000_000, 5);
        assert_eq!(in_control(&stamp), Some(1_700_000_000_000_000_005));
        assert_eq!(in_control(&control(level, kind, 0, 0)), None, "the kernel has none");
        assert_eq!(in_control(&control(level, kind, -1, 0)), None);
        assert_eq!(in_control(&control(level, kind, i64::MAX, 0)), None);
        assert_eq!(in_control(&control(level, kind + 1, 1, 0)), None);
        assert_eq!(in_control(&control(level + 1, kind, 1, 0)), None);
        for len in 0..HEADER + 16 {
            assert_eq!(in_control(&stamp[..len]), None, "{len} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_control_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = in_control(&bytes);
        }
    }
}
