//! What a cable does to frames.

use super::*;

/// Loses, doubles and delays frames of any port, in both directions.
pub struct Faulty<P> {
    port: P,
    /// Of what is received, and of what is sent.
    pub faults: [Faults; 2],
    received: VecDeque<Vec<u8>>,
    sent: Queue,
}

/// What happens in one direction, to one frame in so many, by chance; 0: to none.
#[derive(Debug, Clone)]
pub struct Faults {
    loses: u32,
    doubles: u32,
    delays: u32,
    random: fastrand::Rng,
    delayed: Vec<Vec<u8>>,
    /// How many were lost.
    pub lost: u32,
}

impl Faults {
    pub fn new(loses: u32, doubles: u32, delays: u32, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { loses, doubles, delays, random, delayed: vec![], lost: 0 }
    }

    /// The same for both directions, each by its own chance.
    pub fn both_ways(mut self) -> [Self; 2] {
        let other = Self { random: self.random.fork(), ..self.clone() };
        [self, other]
    }

    fn happens(&mut self, one_in: u32) -> bool {
        one_in > 0 && self.random.u32(..one_in) == 0
    }

    /// What becomes of a frame: pushes what arrives. A delayed one arrives behind a later one.
    pub fn pass(&mut self, frame: Vec<u8>, arrives: &mut Vec<Vec<u8>>) {
        if self.happens(self.loses) {
            self.lost += 1;
            return;
        }
        if self.delayed.len() < 4 && self.happens(self.delays) {
            self.delayed.push(frame);
            return;
        }
        if self.happens(self.doubles) {
            arrives.push(frame.clone());
        }
        arrives.push(frame);
        arrives.append(&mut self.delayed);
    }
}

impl<P: Port> Faulty<P> {
    pub fn new(port: P, faults: Faults) -> Self {
        let faults = faults.both_ways();
        Self { port, faults, received: VecDeque::new(), sent: Queue::default() }
    }
}

impl<P: Port> Device for Faulty<P> {
    type RxToken<'a>
        = Received
    where
        P: 'a;
    type TxToken<'a>
        = Sending
    where
        P: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending)> {
        let frame = self.received.pop_front()?;
        Some((Received(frame), Sending(Rc::clone(&self.sent))))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending> {
        Some(Sending(Rc::clone(&self.sent)))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.port.capabilities()
    }
}

impl<P: Port> Port for Faulty<P> {
    fn has_frames(&self) -> bool {
        !self.received.is_empty() || self.port.has_frames()
    }

    fn begin(&mut self) {
        self.port.begin();
        while let Some((token, _)) = self.port.receive(Instant::ZERO) {
            let frame = phy::RxToken::consume(token, <[u8]>::to_vec);
            let mut arrives = vec![];
            self.faults[0].pass(frame, &mut arrives);
            self.received.extend(arrives);
        }
    }

    fn end(&mut self) -> io::Result<()> {
        for frame in self.sent.borrow_mut().drain(..) {
            let mut leaves = vec![];
            self.faults[1].pass(frame, &mut leaves);
            for frame in leaves {
                // A port that is full loses the frame, too.
                if let Some(token) = self.port.transmit(Instant::ZERO) {
                    token.consume(frame.len(), |to| to.copy_from_slice(&frame));
                }
            }
        }
        self.port.end()
    }
}
