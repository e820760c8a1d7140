//! Against the kernel's TCP, over a pair of virtual interfaces, with frames lost on the way.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::faults::{Faults, Faulty};
use super::*;
use crate::wire::xdp::device::XdpDevice;
use crate::wire::xdp::testing;
use crate::wire::xdp::veth::Veth;

#[test]
fn the_kernel_and_the_stack_make_good_what_is_lost() {
    let Some((veth, device)) = testing::device(NEAR) else { return };
    veth.give_kernel(Veth::NAMES[1], FAR).unwrap();
    let listener = veth.run(|| TcpListener::bind((FAR, 0))).unwrap();
    let to = SocketAddrV4::new(FAR, listener.local_addr().unwrap().port());
    let mut identity = identity(NEAR, None);
    identity.mac = device.mac();
    // One frame in a hundred lost, a few doubled or late, both ways.
    let port: Faulty<XdpDevice> = Faulty::new(device, Faults::new(100, 200, 50, 17));
    let begun = std::time::Instant::now();
    let now = || Instant::from_micros(begun.elapsed().as_micros() as i64);
    let mut core = Core::new(port, identity, now()).unwrap();
    let mut random = fastrand::Rng::with_seed(23);
    let wanted: Vec<u8> = (0..2_000_000).map(|_| random.u8(..)).collect();
    let echo = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        let mut block = vec![0; 30_000];
        loop {
            match stream.read(&mut block).unwrap() {
                0 => return,
                count => stream.write_all(&block[..count]).unwrap(),
            }
        }
    });
    let handle = core.connect(new_socket(), to, now()).unwrap();
    let (mut given, mut got, mut into) = (0, vec![], vec![0; 10_000]);
    while got.len() < wanted.len() {
        assert!(begun.elapsed().as_secs() < 120, "{given} there, {} back", got.len());
        core.drive_if_due(now());
        if core.state(handle) == State::SynSent {
            std::thread::yield_now();
            continue;
        }
        // Not more on the way than both sides can hold: the echo writes before it reads again.
        let chunk = random.usize(1..5000).min(wanted.len() - given);
        if given - got.len() < 100_000 {
            given += core.transmit(handle, &wanted[given..given + chunk], now()).unwrap();
        }
        match core.receive(handle, &mut into, now()).unwrap() {
            0 => std::thread::yield_now(),
            count => got.extend_from_slice(&into[..count]),
        }
    }
    assert!(got == wanted);
    let lost = core.port().faults.each_ref().map(|faults| faults.lost);
    assert!(lost[0] > 5 && lost[1] > 5, "{lost:?} lost");
    core.shut_down(handle, now());
    while !echo.is_finished() {
        assert!(begun.elapsed().as_secs() < 120, "the end does not arrive");
        core.drive_if_due(now());
        std::thread::yield_now();
    }
    echo.join().unwrap();
}
