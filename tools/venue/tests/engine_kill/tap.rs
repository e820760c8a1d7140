//! A relay that keeps what a client writes: what was on the wire, whatever the peer makes of it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use taut_codec::frame::{Frame, Framer};

/// What each connection's client wrote.
type Written = Arc<Mutex<Vec<Vec<u8>>>>;

/// Its threads live as long as connections, that which accepts as long as the process.
#[derive(Clone)]
pub struct Tap {
    port: u16,
    written: Written,
    open: Arc<AtomicUsize>,
    commands: Arc<AtomicUsize>,
}

impl Tap {
    /// A relay to a port of this machine.
    pub fn before(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let tap = Self {
            port: listener.local_addr()?.port(),
            written: Written::default(),
            open: Arc::default(),
            commands: Arc::default(),
        };
        let relay = tap.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client that finds nobody is one that died meanwhile, or the end of the test.
                let _ = relay.connect(client, port);
            }
        });
        Ok(tap)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections from clients that have not ended.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Orders, cancels and amends so far; one that is cut by two reads may be missed.
    pub fn commands(&self) -> usize {
        self.commands.load(Ordering::Acquire)
    }

    /// Every whole message that a client wrote.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for bytes in self.written.lock().expect("nobody panicked").iter() {
            let (mut framer, mut rest) = (Framer::new(1 << 16), &bytes[..]);
            while let Frame::Message { len } = framer.next(rest) {
                all.push(rest[..len].to_vec());
                rest = &rest[len..];
            }
        }
        all
    }

    fn connect(&self, mut client: TcpStream, port: u16) -> io::Result<()> {
        let mut peer = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        peer.set_nodelay(true)?;
        client.set_nodelay(true)?;
        let (mut back_from, mut back_to) = (peer.try_clone()?, client.try_clone()?);
        std::thread::spawn(move || {
            let _ = io::copy(&mut back_from, &mut back_to);
            let _ = back_to.shutdown(Shutdown::Both);
        });
        let at = {
            let mut written = self.written.lock().expect("nobody panicked");
            written.push(Vec::new());
            written.len() - 1
        };
        self.open.fetch_add(1, Ordering::AcqRel);
        let tap = self.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(len @ 1..) = client.read(&mut buffer) {
                tap.keep(at, &buffer[..len]);
                if peer.write_all(&buffer[..len]).is_err() {
                    break;
                }
            }
            let _ = peer.shutdown(Shutdown::Both);
            tap.open.fetch_sub(1, Ordering::AcqRel);
        });
        Ok(())
    }

    fn keep(&self, at: usize, bytes: &[u8]) {
        let is_command = |five: &&[u8]| matches!(five, [1, b'3', b'5', b'=', b'D' | b'F' | b'G']);
        let commands = bytes.windows(5).filter(is_command).count();
        self.commands.fetch_add(commands, Ordering::AcqRel);
        self.written.lock().expect("nobody panicked")[at].extend_from_slice(bytes);
    }
}
