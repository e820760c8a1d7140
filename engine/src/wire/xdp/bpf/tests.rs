//! The kernel's own run of the program over single frames (BPF_PROG_TEST_RUN), against a naive reading of
//! the same frames.

use super::*;
use crate::wire::xdp::testing::{self, NEAR};

const PROG_TEST_RUN: c_int = 10;
const XDP_REDIRECT: u32 = 4;

#[repr(C)]
struct TestRun {
    program: u32,
    verdict: u32,
    size_in: u32,
    size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
}

fn run(attached: &Attached, frame: &[u8]) -> u32 {
    let mut test = TestRun {
        program: attached.program.as_raw_fd() as u32,
        verdict: 0,
        size_in: frame.len() as u32,
        size_out: 0,
        data_in: frame.as_ptr() as u64,
        data_out: 0,
        repeat: 1,
        duration: 0,
    };
    // SAFETY: the kernel reads `frame`, which lives for the call, and writes to `test` alone, since there
    // is no place for output.
    let done =
        unsafe { libc::syscall(libc::SYS_bpf, PROG_TEST_RUN, &raw mut test, size_of::<TestRun>()) };
    assert!(done >= 0, "{}", io::Error::last_os_error());
    test.verdict
}

/// What the program is for, without a thought of instructions.
fn is_ours(frame: &[u8], address: Ipv4Addr) -> bool {
    if frame.len() < 42 {
        return false;
    }
    let target = match frame[12..14] {
        [8, 0] => &frame[30..34],
        [8, 6] => &frame[38..42],
        _ => return false,
    };
    target == address.octets()
}

#[test]
fn only_frames_for_our_address_leave_the_kernel() {
    let Some((veth, device)) = testing::device(NEAR) else { return };
    let attached = device.attached();
    let mut random = fastrand::Rng::with_seed(11);
    let (mut ours, mut others) = (0, 0);
    veth.run(|| {
        for _ in 0..2000 {
            // At least what the kernel takes for a frame.
            let mut frame: Vec<u8> = (0..random.usize(14..200)).map(|_| random.u8(..)).collect();
            let kinds: [[u8; 2]; 4] = [[8, 0], [8, 6], [0x86, 0xdd], [6, 8]];
            frame[12..14].copy_from_slice(&kinds[random.usize(..4)]);
            for at in [30, 38] {
                if random.bool() && frame.len() >= at + 4 {
                    frame[at..at + 4].copy_from_slice(&NEAR.octets());
                    if random.u8(..4) == 0 {
                        frame[at + random.usize(..4)] ^= 1;
                    }
                }
            }
            let wanted = is_ours(&frame, NEAR);
            let verdict = run(attached, &frame);
            assert_eq!(verdict, if wanted { XDP_REDIRECT } else { XDP_PASS as u32 }, "{frame:?}");
            if wanted { ours += 1 } else { others += 1 }
        }
    });
    assert!(ours > 100 && others > 100, "{ours} and {others}");
}
