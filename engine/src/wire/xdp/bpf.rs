//! The program that the driver runs on each received frame, assembled by hand: what is for our address
//! goes to our socket, everything else to the kernel, as if we were not there.
//!
//! ```text
//!         frame shorter than an ARP packet   -> kernel
//!         IPv4, destination is our address   -> socket of this queue
//!         ARP, asked for or told to it       -> socket of this queue
//!         anything else                      -> kernel
//! ```
#![allow(unsafe_code)]

use std::ffi::{c_int, c_long};
use std::io;
use std::mem::size_of;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::socket::Interface;
use super::{XdpConfig, XdpError};

/// One instruction: operation, registers (source and destination, four bits each), offset, immediate.
type Instruction = u64;

/// What the program returns for a frame that the kernel may have.
const XDP_PASS: i32 = 2;

// The operations that are used (Documentation/bpf/standardization/instruction-set.rst).
const LOAD_16: u8 = 0x69; // LDX MEM H
const LOAD_32: u8 = 0x61; // LDX MEM W
const LOAD_MAP: u8 = 0x18; // LD IMM DW, two instructions
const MOVE: u8 = 0xbf; // ALU64 MOV X
const MOVE_CONSTANT: u8 = 0xb7; // ALU64 MOV K
const ADD_CONSTANT: u8 = 0x07; // ALU64 ADD K
const JUMP_ABOVE: u8 = 0x2d; // JMP JGT X
const JUMP_EQUAL: u8 = 0x15; // JMP JEQ K
const JUMP_NOT_EQUAL: u8 = 0x55; // JMP JNE K
const JUMP_NOT_EQUAL_32: u8 = 0x56; // JMP32 JNE K: an immediate with the top bit set is no negative
const JUMP: u8 = 0x05; // JMP JA
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// Source register of `LOAD_MAP`: the immediate is a descriptor.
const MAP_DESCRIPTOR: u8 = 1;
const REDIRECT_MAP: i32 = 51;

/// Where things stand in the context, `struct xdp_md`, and in a frame.
const DATA: i16 = 0;
const DATA_END: i16 = 4;
const QUEUE: i16 = 16;
const ETHER_TYPE: i16 = 12;
const IPV4_DESTINATION: i16 = 14 + 16;
const ARP_TARGET: i16 = 14 + 24;
const SHORTEST: i32 = 14 + 28;

const fn op(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    code as u64
        | (to as u64) << 8
        | (from as u64) << 12
        | (offset as u16 as u64) << 16
        | (immediate as u32 as u64) << 32
}

/// What a load of two bytes of the frame gives for a field in network order.
const fn wire16(value: u16) -> i32 {
    u16::from_ne_bytes(value.to_be_bytes()) as i32
}

/// The program for one address and one map of sockets.
fn program(address: Ipv4Addr, map: c_int) -> [Instruction; 21] {
    let ours = u32::from_ne_bytes(address.octets()) as i32;
    [
        op(LOAD_32, 2, 1, DATA, 0),
        op(LOAD_32, 3, 1, DATA_END, 0),
        op(LOAD_32, 4, 1, QUEUE, 0),
        op(MOVE, 5, 2, 0, 0),
        op(ADD_CONSTANT, 5, 0, 0, SHORTEST),
        op(JUMP_ABOVE, 5, 3, 13, 0), // to the kernel
        op(LOAD_16, 0, 2, ETHER_TYPE, 0),
        op(JUMP_EQUAL, 0, 0, 3, wire16(0x0806)), // to ARP
        op(JUMP_NOT_EQUAL, 0, 0, 10, wire16(0x0800)), // to the kernel
        op(LOAD_32, 0, 2, IPV4_DESTINATION, 0),
        op(JUMP, 0, 0, 1, 0), // to the comparison
        // ARP:
        op(LOAD_32, 0, 2, ARP_TARGET, 0),
        // The comparison:
        op(JUMP_NOT_EQUAL_32, 0, 0, 6, ours), // to the kernel
        op(LOAD_MAP, 1, MAP_DESCRIPTOR, 0, map),
        op(0, 0, 0, 0, 0),
        op(MOVE, 2, 4, 0, 0),
        op(MOVE_CONSTANT, 3, 0, 0, XDP_PASS), // if there is no socket
        op(CALL, 0, 0, 0, REDIRECT_MAP),
        op(EXIT, 0, 0, 0, 0),
        // To the kernel:
        op(MOVE_CONSTANT, 0, 0, 0, XDP_PASS),
        op(EXIT, 0, 0, 0, 0),
    ]
}

// Commands of bpf(2), and the beginnings of its argument for each; the rest is zero.
const MAP_CREATE: c_int = 0;
const MAP_UPDATE: c_int = 2;
const PROG_LOAD: c_int = 5;
const LINK_CREATE: c_int = 28;
const MAP_TYPE_XSKMAP: u32 = 17;
const PROG_TYPE_XDP: u32 = 6;
const ATTACH_XDP: u32 = 37;
const GENERIC_MODE: u32 = 1 << 1;
const DRIVER_MODE: u32 = 1 << 2;

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
struct MapUpdate {
    map: u32,
    _pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    instructions: u32,
    code: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

/// The kernel takes a shorter argument for one that ends in zeros.
fn bpf<T>(command: c_int, argument: &T) -> io::Result<c_long> {
    // SAFETY: the address and size of a plain structure that lives here, of the layout of this command.
    // The addresses in it are those of values that the caller keeps for the time of the call.
    let done = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(argument), size_of::<T>())
    };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(done) }
}

/// For the commands that return a descriptor.
fn bpf_fd<T>(command: c_int, argument: &T, step: &'static str) -> Result<OwnedFd, XdpError> {
    let fd = bpf(command, argument).map_err(|error| XdpError::of(step, error))?;
    // SAFETY: a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// The program at work on an interface, until it is dropped.
#[derive(Debug)]
pub(super) struct Attached {
    _link: OwnedFd,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test runs it"))]
    program: OwnedFd,
    _map: OwnedFd,
}

impl Attached {
    /// Loads the program and attaches it to the interface; frames for our address on our queue go to
    /// `socket`.
    pub fn new(
        interface: &Interface,
        config: &XdpConfig,
        socket: BorrowedFd<'_>,
    ) -> Result<Self, XdpError> {
        let queue = config.queue;
        let create = MapCreate {
            map_type: MAP_TYPE_XSKMAP,
            key_size: 4,
            value_size: 4,
            max_entries: queue.saturating_add(1),
        };
        let map = bpf_fd(MAP_CREATE, &create, "bpf(map)")?;
        let value = socket.as_raw_fd();
        let update = MapUpdate {
            map: map.as_raw_fd() as u32,
            _pad: 0,
            key: &raw const queue as u64,
            value: &raw const value as u64,
            flags: 0,
        };
        bpf(MAP_UPDATE, &update).map_err(|error| XdpError::of("bpf(map entry)", error))?;
        let code = program(config.address, map.as_raw_fd());
        let license = c"MIT";
        let load = ProgLoad {
            prog_type: PROG_TYPE_XDP,
            instructions: code.len() as u32,
            code: code.as_ptr() as u64,
            license: license.as_ptr() as u64,
            log_level: 0,
            log_size: 0,
            log: 0,
        };
        let program = bpf_fd(PROG_LOAD, &load, "bpf(program)")?;
        let attach = LinkCreate {
            program: program.as_raw_fd() as u32,
            target: interface.index,
            attach_type: ATTACH_XDP,
            flags: if config.generic { GENERIC_MODE } else { DRIVER_MODE },
        };
        let link = bpf_fd(LINK_CREATE, &attach, "bpf(attach)")?;
        Ok(Self { _link: link, program, _map: map })
    }
}

#[cfg(test)]
mod tests;
