//! Connections of every wire, for tests that run over all of them.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use taut::wire::xdp::veth::Veth;
use taut::wire::xdp::{Connection, Listener, Stack, XdpError};
use taut::wire::{Stream, WireKind};

use crate::skipped::skipped;

/// What carries the connections between a client and a server.
pub struct Ends {
    /// The client's wire and the server's; `None`: a link in memory.
    pub wires: Option<[WireKind; 2]>,
    /// For `xdp`: the interfaces between them and the stacks of the ends that have one.
    veth: Option<(Veth, [Option<Stack>; 2])>,
}

const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 231, 8, 1), Ipv4Addr::new(10, 231, 8, 2)];
const PORT: u16 = 4001;
const PATIENCE: Duration = Duration::from_secs(60);

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.wires {
            Some([client, server]) => write!(f, "{client} to {server}"),
            None => f.write_str("memory"),
        }
    }
}

impl Ends {
    /// A link in memory, whose time stands still: there is no socket that TLS could shake hands over.
    pub const MEMORY: Self = Self { wires: None, veth: None };

    /// Whether an end has the wire `xdp`.
    pub fn is_xdp(&self, end: usize) -> bool {
        self.wires.is_some_and(|wires| wires[end] == WireKind::Xdp)
    }

    /// Every wire over sockets; and `xdp` at either end and at both, where this process may.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> =
            WireKind::SOCKETS.map(|wire| Self { wires: Some([wire; 2]), veth: None }).into();
        use WireKind::{BusyPoll, Xdp};
        for wires in [[Xdp, BusyPoll], [BusyPoll, Xdp], [Xdp, Xdp]] {
            match Self::on_veth(wires) {
                Ok(ends) => all.push(ends),
                Err(error) if error.is_of_host() => {
                    skipped(format_args!("wire xdp: {error}"));
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        all
    }

    fn on_veth(wires: [WireKind; 2]) -> Result<Self, XdpError> {
        let veth = Veth::new(1500)?;
        let mut stacks = [None, None];
        for end in 0..2 {
            let (name, address) = (Veth::NAMES[end], ADDRESSES[end]);
            if wires[end] == WireKind::Xdp {
                let stack = veth.run(|| Stack::open(&Veth::config(name, address)))?;
                stacks[end] = Some(stack);
            } else {
                veth.give_kernel(name, address)?;
            }
        }
        Ok(Self { wires: Some(wires), veth: Some((veth, stacks)) })
    }

    /// A connection over sockets or stacks: the client's end and the server's.
    pub fn connect(&self) -> (Stream, Stream) {
        let Some((veth, [client, server])) = &self.veth else {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            return (client.into(), listener.accept().unwrap().0.into());
        };
        let dial = |port: u16| -> Stream {
            let to = SocketAddrV4::new(ADDRESSES[1], port);
            match client {
                None => veth.run(|| TcpStream::connect(to)).unwrap().into(),
                Some(stack) => {
                    let until = Instant::now() + PATIENCE;
                    stack.connect(to, until, &AtomicBool::new(false)).unwrap().into()
                }
            }
        };
        let Some(stack) = server else {
            let listener = veth.run(|| TcpListener::bind((ADDRESSES[1], 0))).unwrap();
            let client = dial(listener.local_addr().unwrap().port());
            return (client, listener.accept().unwrap().0.into());
        };
        let mut listener = stack.listen(PORT).unwrap();
        std::thread::scope(|scope| {
            let client = scope.spawn(|| dial(PORT));
            let server = accept(&mut listener);
            (client.join().unwrap(), server.into())
        })
    }
}

fn accept(listener: &mut Listener) -> Connection {
    let start = Instant::now();
    loop {
        if let Ok(connection) = listener.accept() {
            return connection;
        }
        assert!(start.elapsed() < PATIENCE, "nobody connects");
        std::thread::sleep(Duration::from_micros(100));
    }
}
