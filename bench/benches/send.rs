//! What a send of 200 bytes costs the sender: send(2), a send of io_uring that is waited for, and one of io_uring whose
//! completion is looked at later, with the next; each in turn, by batches. The receiver empties its socket between
//! two batches, untimed. Why the engine sends by send(2) (`taut::wire::uring`).
#![allow(unsafe_code)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Instant;

use io_uring::types::Fd;
use io_uring::{IoUring, opcode};

const SENDS: usize = 200;
const BATCHES: usize = 301;
const MESSAGE: [u8; 200] = [b'8'; 200];

/// A connection on loopback and, if it is asked for, a ring with the flags of the engine's.
struct Line {
    near: TcpStream,
    far: TcpStream,
    ring: IoUring,
}

impl Line {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
        let (far, _) = listener.accept().expect("it was connected");
        near.set_nodelay(true).expect("a socket");
        far.set_nonblocking(true).expect("a socket");
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun();
        Self { near, far, ring: builder.build(8).expect("the kernel has io_uring") }
    }

    /// Puts a send into the ring.
    fn push(&mut self) {
        let fd = Fd(self.near.as_raw_fd());
        let send = opcode::Send::new(fd, MESSAGE.as_ptr(), MESSAGE.len() as u32).build();
        // SAFETY: the message is a constant, which lives for ever, and the socket outlives the ring's work:
        // every send is completed before `drain` ends.
        unsafe { self.ring.submission().push(&send) }.expect("one at a time");
    }

    /// Looks at completions; returns how many there were.
    fn reap(&mut self) -> usize {
        let mut count = 0;
        for done in self.ring.completion() {
            assert_eq!(done.result(), MESSAGE.len() as i32);
            count += 1;
        }
        count
    }

    /// Nanoseconds a send.
    fn batch(&mut self, method: usize) -> f64 {
        let begun = Instant::now();
        match method {
            0 => (0..SENDS).for_each(|_| self.near.write_all(&MESSAGE).expect("there is room")),
            1 => {
                for _ in 0..SENDS {
                    self.push();
                    self.ring.submit_and_wait(1).expect("it is sent");
                    assert_eq!(self.reap(), 1);
                }
            }
            _ => {
                let mut done = 0;
                for _ in 0..SENDS {
                    self.push();
                    self.ring.submit().expect("it is sent");
                    done += self.reap();
                }
                while done < SENDS {
                    self.ring.submit_and_wait(1).expect("it is sent");
                    done += self.reap();
                }
            }
        }
        let nanos = begun.elapsed().as_nanos() as f64 / SENDS as f64;
        self.drain();
        nanos
    }

    fn drain(&mut self) {
        let (mut left, mut into) = (SENDS * MESSAGE.len(), [0; 65_536]);
        while left > 0 {
            left -= self.far.read(&mut into).unwrap_or(0);
        }
    }
}

fn main() {
    const METHODS: [&str; 3] = ["send(2)", "io_uring, waited for", "io_uring, looked at later"];
    let mut line = Line::new();
    let mut figures = METHODS.map(|_| Vec::with_capacity(BATCHES));
    for _ in 0..BATCHES {
        for (method, figures) in figures.iter_mut().enumerate() {
            figures.push(line.batch(method));
        }
    }
    println!("| a send of {} B, ns | least | median | most | to send(2), median |", MESSAGE.len());
    println!("|---|---|---|---|---|");
    let ratios = |of: &[f64]| {
        let mut ratios: Vec<f64> =
            of.iter().zip(&figures[0]).map(|(one, plain)| one / plain).collect();
        ratios.sort_by(f64::total_cmp);
        ratios[BATCHES / 2]
    };
    for (name, of) in METHODS.iter().zip(&figures) {
        let mut sorted = of.clone();
        sorted.sort_by(f64::total_cmp);
        let (least, median, most) = (sorted[0], sorted[BATCHES / 2], sorted[BATCHES - 1]);
        println!("| {name} | {least:.0} | {median:.0} | {most:.0} | {:.2} |", ratios(of));
    }
}
