//! Where an engine and its venue meet: on loopback or, for the wire `xdp`, on a pair of virtual interfaces
//! in a network namespace of their own.

use std::ffi::OsString;
use std::net::Ipv4Addr;

use taut::config::{EngineConfig, XdpSection};
use taut::wire::xdp::veth::Veth;
use taut::wire::{Network, WireKind};

use crate::Failure;

/// Where both sides run.
pub enum Place {
    /// As this process is.
    Here,
    /// The engine's stack on one end, the kernel with the venue on the other.
    Veth(Veth),
}

const ENGINE: Ipv4Addr = Ipv4Addr::new(10, 231, 7, 1);
const VENUE: Ipv4Addr = Ipv4Addr::new(10, 231, 7, 2);
const MTU: u32 = 1500;

impl Place {
    /// The place for the engine's wire; points the engine to it.
    ///
    /// # Errors
    /// [`Failure::Wire`], without root for example.
    pub fn choose(engine: &mut EngineConfig) -> Result<Self, Failure> {
        if engine.path.wire != Some(WireKind::Xdp) {
            return Ok(Self::Here);
        }
        let [near, far] = Veth::NAMES;
        let veth = Veth::new(MTU)?;
        veth.give_kernel(far, VENUE)?;
        engine.xdp = Some(XdpSection {
            interface: near.to_owned(),
            queue: 0,
            address: format!("{ENGINE}/24"),
            gateway: None,
            generic: false,
        });
        Ok(Self::Veth(veth))
    }

    /// Makes sure that the engine's wire works here, the kernel's part of it included.
    ///
    /// # Errors
    /// [`Failure::Wire`], [`Failure::System`]: without root for example, or where the kernel lacks AF_XDP.
    pub fn probe(wire: WireKind) -> Result<(), Failure> {
        let mut engine = super::config::DemoConfig::default().engine;
        engine.path.wire = Some(wire);
        let place = Self::choose(&mut engine)?;
        let stack = engine.xdp.as_ref().map(XdpSection::config).transpose()?;
        Ok(place.start(|| Network::open(wire, stack.as_ref()).map(drop))?)
    }

    /// What the venue is told of it.
    pub fn venue_options(&self) -> Vec<OsString> {
        match self {
            Self::Here => Vec::new(),
            Self::Veth(_) => vec![format!("--bind={VENUE}").into(), "--allow-remote".into()],
        }
    }

    /// Starts something there: its sockets, threads and processes stay.
    pub fn start<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self {
            Self::Here => work(),
            Self::Veth(veth) => veth.run(work),
        }
    }
}
