//! Stacks on real veth pairs: against the kernel's TCP and against each other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::testing::{FAR, NEAR, stack, veth};
use super::veth::Veth;
use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn connect(stack: &Stack, address: Ipv4Addr, port: u16) -> io::Result<Connection> {
    let to = SocketAddrV4::new(address, port);
    stack.connect(to, Instant::now() + PATIENCE, &AtomicBool::new(false))
}

/// A stack at the near end, the kernel at the far one.
fn with_kernel(mtu: u32) -> Option<(Veth, Stack, TcpListener, u16)> {
    let veth = veth(mtu)?;
    veth.give_kernel(Veth::NAMES[1], FAR).unwrap();
    let stack = stack(&veth, Veth::NAMES[0], NEAR);
    let listener = veth.run(|| TcpListener::bind((FAR, 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    Some((veth, stack, listener, port))
}

fn accept(listener: &mut Listener) -> Connection {
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok(connection) => return connection,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        assert!(start.elapsed() < PATIENCE, "nobody connects");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn say(mut to: impl Write, bytes: &[u8]) {
    to.write_all(bytes).unwrap();
}

fn hear(mut from: impl Read, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    from.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_stack_connects_to_the_kernel_and_ends_in_good_order() {
    let Some((_veth, stack, listener, port)) = with_kernel(1500) else { return };
    let ours = connect(&stack, FAR, port).unwrap();
    let (theirs, from) = listener.accept().unwrap();
    assert_eq!(from.ip(), NEAR);
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    say(&ours, b"hello");
    assert_eq!(hear(&theirs, 5), b"hello");
    // Our direction ends, the other goes on.
    ours.shut_down(Shutdown::Write);
    assert_eq!((&theirs).read(&mut [0]).unwrap(), 0);
    say(&theirs, b"world");
    drop(theirs);
    assert_eq!(hear(&ours, 5), b"world");
    assert_eq!((&ours).read(&mut [0]).unwrap(), 0);
}

#[test]
fn the_kernel_connects_to_the_stack() {
    let Some((veth, stack, ..)) = with_kernel(1500) else { return };
    let mut listener = stack.listen(4001).unwrap();
    let theirs = std::thread::scope(|scope| {
        let dialling = scope.spawn(|| veth.run(|| TcpStream::connect((NEAR, 4001)).unwrap()));
        let ours = accept(&mut listener);
        let theirs = dialling.join().unwrap();
        say(&theirs, b"to the stack");
        assert_eq!(hear(&ours, 12), b"to the stack");
        say(&ours, b"to the kernel");
        assert_eq!(hear(&theirs, 13), b"to the kernel");
        say(&theirs, b"never read");
        ours.set_patience(Some(PATIENCE));
        assert_eq!(hear(&ours, 1), b"n");
        // `ours` is dropped with unread bytes.
        theirs
    });
    theirs.set_read_timeout(Some(PATIENCE)).unwrap();
    let end = (&theirs).read(&mut [0]).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_of_the_kernel_is_told_from_an_end() {
    let Some((_veth, stack, listener, port)) = with_kernel(1500) else { return };
    let ours = connect(&stack, FAR, port).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    say(&ours, b"never read");
    // They arrive before the socket is closed.
    hear(&theirs, 1);
    drop(theirs);
    ours.set_patience(Some(PATIENCE));
    let end = (&ours).read(&mut [0]).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_closed_port_refuses_and_an_absent_host_takes_too_long() {
    let Some((_veth, stack, listener, port)) = with_kernel(1500) else { return };
    drop(listener);
    let error = connect(&stack, FAR, port).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let nobody = SocketAddrV4::new(Ipv4Addr::new(10, 231, 7, 99), 4001);
    let deadline = Instant::now() + Duration::from_millis(50);
    let error = stack.connect(nobody, deadline, &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let far = Instant::now() + PATIENCE;
    let error = stack.connect(nobody, far, &AtomicBool::new(true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "cancelled");
    let elsewhere = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 4001);
    let error = stack.connect(elsewhere, far, &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
}

#[test]
fn two_stacks_talk_to_each_other_over_a_small_mtu() {
    let Some(veth) = veth(600) else { return };
    let near = stack(&veth, Veth::NAMES[0], NEAR);
    let far = stack(&veth, Veth::NAMES[1], FAR);
    let mut listener = far.listen(4001).unwrap();
    let wanted: Vec<u8> = (0..1_000_000_u32).map(|i| (i / 3 % 251) as u8).collect();
    let got = std::thread::scope(|scope| {
        scope.spawn(|| {
            let ours = connect(&near, FAR, 4001).unwrap();
            say(&ours, &wanted);
            // Its end is awaited, so that the stack is moved until all is there.
            assert_eq!((&ours).read(&mut [0]).unwrap(), 0);
        });
        let theirs = accept(&mut listener);
        hear(&theirs, wanted.len())
    });
    assert!(got == wanted);
}

#[test]
fn a_queue_is_taken_by_one_stack_and_free_again_after_it() {
    let Some(veth) = veth(1500) else { return };
    let config = Veth::config(Veth::NAMES[0], NEAR);
    let open = |config: &XdpConfig| veth.run(|| Stack::open(config));
    for _ in 0..3 {
        let first = open(&config).unwrap();
        let second = open(&config).unwrap_err();
        assert!(matches!(second, XdpError::Busy { queue: 0, .. }), "{second}");
        drop(first);
    }
    let absent = open(&XdpConfig { queue: 77, ..config.clone() }).unwrap_err();
    assert!(matches!(absent, XdpError::NoQueue { queue: 77, .. }), "{absent}");
    let absent = open(&XdpConfig { interface: "none".to_owned(), ..config.clone() }).unwrap_err();
    assert!(matches!(absent, XdpError::NoInterface { .. }), "{absent}");
    let absent = open(&XdpConfig { interface: "lo".to_owned(), ..config }).unwrap_err();
    assert!(matches!(absent, XdpError::NotEthernet { .. }), "{absent}");
}

#[test]
fn the_generic_mode_works_too() {
    let Some(veth) = veth(1500) else { return };
    veth.give_kernel(Veth::NAMES[1], FAR).unwrap();
    let config = XdpConfig { generic: true, ..Veth::config(Veth::NAMES[0], NEAR) };
    let stack = veth.run(|| Stack::open(&config)).unwrap();
    let listener = veth.run(|| TcpListener::bind((FAR, 0))).unwrap();
    let ours = connect(&stack, FAR, listener.local_addr().unwrap().port()).unwrap();
    let (theirs, _) = listener.accept().unwrap();
    say(&ours, b"hello");
    assert_eq!(hear(&theirs, 5), b"hello");
}

#[test]
fn a_thread_that_may_not_is_told_what_it_needs() {
    let Some(veth) = veth(1500) else { return };
    let error = veth.run(|| {
        testing::give_up_capabilities();
        Stack::open(&Veth::config(Veth::NAMES[0], NEAR)).unwrap_err()
    });
    assert!(matches!(error, XdpError::Permission { .. }), "{error}");
    let words = error.to_string();
    for needed in ["CAP_NET_RAW", "CAP_NET_ADMIN", "CAP_BPF", "root"] {
        assert!(words.contains(needed), "{words}");
    }
    assert_eq!(io::Error::from(error).kind(), ErrorKind::PermissionDenied);
    let error = veth.run(|| {
        testing::give_up_capabilities();
        Veth::new(1500).unwrap_err()
    });
    assert!(matches!(error, XdpError::Permission { .. }), "{error}");
}

#[test]
fn a_kernel_without_af_xdp_is_told_from_a_mistake() {
    let of = |error: i32| XdpError::of("socket(AF_XDP)", io::Error::from_raw_os_error(error));
    for lacking in [libc::EAFNOSUPPORT, libc::EOPNOTSUPP, libc::ENOSYS, libc::EPERM] {
        assert!(of(lacking).is_of_host(), "{}", of(lacking));
    }
    for mistake in [libc::EINVAL, libc::EBUSY, libc::ENOMEM] {
        assert!(!of(mistake).is_of_host(), "{}", of(mistake));
    }
    assert!(!XdpError::Address("no host").is_of_host());
}
