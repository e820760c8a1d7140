//! What the tests here share: a veth pair, or a word of why there is none.

use std::net::Ipv4Addr;
use std::sync::LazyLock;

use super::Stack;
use super::device::XdpDevice;
use super::veth::Veth;
use crate::skipped::skipped;

/// The addresses of the two ends.
pub const NEAR: Ipv4Addr = Ipv4Addr::new(10, 231, 7, 1);
pub const FAR: Ipv4Addr = Ipv4Addr::new(10, 231, 7, 2);

/// Why this process may not use the wire, if so.
static FORBIDDEN: LazyLock<Option<String>> = LazyLock::new(|| {
    let open = |veth: Veth| veth.run(|| Stack::open(&Veth::config(Veth::NAMES[0], NEAR))).map(drop);
    match Veth::new(1500).and_then(open) {
        // Any other failure is the tests' to find.
        Err(error) if error.is_of_host() => Some(error.to_string()),
        _ => None,
    }
});

/// A pair, where this process may make one.
pub fn veth(mtu: u32) -> Option<Veth> {
    if let Some(why) = &*FORBIDDEN {
        skipped(format_args!("AF_XDP: {why}"));
        return None;
    }
    Some(Veth::new(mtu).unwrap())
}

/// A stack at one end; the kernel at the other, if it gets an address.
pub fn stack(veth: &Veth, name: &str, address: Ipv4Addr) -> Stack {
    veth.run(|| Stack::open(&Veth::config(name, address))).unwrap()
}

/// A device without a stack.
pub fn device(address: Ipv4Addr) -> Option<(Veth, XdpDevice)> {
    let veth = veth(1500)?;
    let device = veth.run(|| XdpDevice::open(&Veth::config(Veth::NAMES[0], address))).unwrap();
    Some((veth, device))
}

/// This thread may do no more than any user's.
#[allow(unsafe_code)]
pub fn give_up_capabilities() {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let none = [0_u32; 6];
    // SAFETY: the header and the data of this version, which the kernel only reads. The raw call concerns
    // this thread alone.
    let done = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}
