//! The cancel ladder: which requests reach an order, by where it was sent from (venue file 3.6). Kraken
//! contradicts itself here (C1, C2), so what reaches how far is a profile.

use serde::{Deserialize, Serialize};

use crate::command::CancelScope;
use crate::types::InstrumentId;

/// Which orders a kind of request reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those sent or replaced last on the same connection.
    Connection,
    /// Those that the venue's gateway remembers for the SenderCompID, of earlier connections too.
    SenderCompId,
    /// All of the account.
    Account,
}

/// How far the requests of a session reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reach {
    /// OrderCancelRequest (F); C1.
    pub cancel: Scope,
    /// OrderCancelReplaceRequest (G).
    pub amend: Scope,
    /// Whether the market has that request: spot has, derivatives only on UAT (venue file C8).
    pub amends: bool,
    /// OrderMassCancelRequest (q) with 530=1 and 530=6.
    pub mass_cancel_session: Scope,
    /// OrderMassCancelRequest (q) with 530=7; C2.
    pub mass_cancel_all: Scope,
    /// Whether the venue forgets at the daily rollover whose orders are whose (unspecified).
    pub forgets_at_rollover: bool,
    /// Whether the cancel of one order may take others with it, where only a mass cancel reaches it.
    pub may_sweep: bool,
}

impl Default for Reach {
    /// The contractual text: what a client has to survive.
    fn default() -> Self {
        Self {
            cancel: Scope::Connection,
            amend: Scope::Connection,
            amends: true,
            mass_cancel_session: Scope::Connection,
            mass_cancel_all: Scope::SenderCompId,
            forgets_at_rollover: false,
            may_sweep: true,
        }
    }
}

/// Where an order stands to the session that is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Sent or replaced last on this connection.
    Here,
    /// Of an earlier connection, or by something else of the same SenderCompID.
    Earlier,
    /// Of an earlier connection that the venue may have forgotten: of the day before.
    Forgotten,
}

/// One rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// OrderCancelRequest (F), for the order alone.
    Cancel,
    /// OrderMassCancelRequest (q), which may take others with it.
    MassCancel(CancelScope),
    /// REST. What is cancelled because the session is down is kept for the session as well.
    Rest,
    /// None now: the cancel is kept and climbs when it can.
    Kept,
}

/// Why this rung and none before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RungReason {
    /// The order is of this connection.
    SameConnection,
    /// The order is of another connection, which this rung reaches by the profile.
    OtherConnection,
    /// No request of the session reaches the order, by the profile.
    NotReached,
    /// The trading session is down.
    SessionDown,
    /// The lane is full.
    LaneFull,
    /// The venue's rate limit would refuse it now (venue file 7), or it is behind one that waits for that.
    RateLimited,
    /// The session was asked and does not answer.
    NoAnswer,
}

/// How a cancel goes: the rung, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelRoute {
    /// The rung.
    pub rung: Rung,
    /// Why.
    pub reason: RungReason,
}

impl Scope {
    /// Whether a request of this scope reaches an order there.
    #[must_use]
    pub const fn reaches(self, place: Place) -> bool {
        match (self, place) {
            (_, Place::Here) | (Self::Account, _) | (Self::SenderCompId, Place::Earlier) => true,
            (Self::Connection, _) | (Self::SenderCompId, Place::Forgotten) => false,
        }
    }
}

impl Reach {
    /// Whether a mass cancel reaches an order of `instrument`.
    #[must_use]
    pub fn mass_cancel_reaches(
        &self,
        scope: CancelScope,
        place: Place,
        instrument: InstrumentId,
    ) -> bool {
        match scope {
            CancelScope::Instrument(id) => {
                id == instrument && self.mass_cancel_session.reaches(place)
            }
            CancelScope::Session => self.mass_cancel_session.reaches(place),
            CancelScope::SenderCompId => self.mass_cancel_all.reaches(place),
        }
    }

    /// The first rung that reaches an order: F, then the narrowest q. `None` if none does.
    #[must_use]
    pub fn route(&self, place: Place, instrument: InstrumentId) -> Option<CancelRoute> {
        let reason = match place {
            Place::Here => RungReason::SameConnection,
            Place::Earlier | Place::Forgotten => RungReason::OtherConnection,
        };
        if self.cancel.reaches(place) {
            return Some(CancelRoute { rung: Rung::Cancel, reason });
        }
        let scopes = [CancelScope::Instrument(instrument), CancelScope::SenderCompId];
        let mut reaching =
            scopes.into_iter().filter(|&scope| self.mass_cancel_reaches(scope, place, instrument));
        let scope = reaching.next().filter(|_| self.may_sweep)?;
        Some(CancelRoute { rung: Rung::MassCancel(scope), reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPES: [Scope; 3] = [Scope::Connection, Scope::SenderCompId, Scope::Account];
    const PLACES: [Place; 3] = [Place::Here, Place::Earlier, Place::Forgotten];
    const ID: InstrumentId = InstrumentId(3);

    /// The venue's side of it: the set of orders that a scope covers, as places in a row.
    fn covered(scope: Scope) -> &'static [Place] {
        match scope {
            Scope::Connection => &PLACES[..1],
            Scope::SenderCompId => &PLACES[..2],
            Scope::Account => &PLACES,
        }
    }

    #[test]
    fn no_order_is_out_of_reach_while_any_rung_is_and_the_first_rung_is_taken() {
        let mut unreachable = 0;
        for cancel in SCOPES {
            for mass_cancel_session in SCOPES {
                for mass_cancel_all in SCOPES {
                    for place in PLACES {
                        let reach = Reach {
                            cancel,
                            mass_cancel_session,
                            mass_cancel_all,
                            ..Reach::default()
                        };
                        let by = |scope| covered(scope).contains(&place);
                        let expected = if by(cancel) {
                            Some(Rung::Cancel)
                        } else if by(mass_cancel_session) {
                            Some(Rung::MassCancel(CancelScope::Instrument(ID)))
                        } else if by(mass_cancel_all) {
                            Some(Rung::MassCancel(CancelScope::SenderCompId))
                        } else {
                            unreachable += 1;
                            None
                        };
                        let route = reach.route(place, ID);
                        assert_eq!(route.map(|route| route.rung), expected, "{reach:?} {place:?}");
                        let alone = Reach { may_sweep: false, ..reach }.route(place, ID);
                        assert_eq!(alone.is_some(), by(cancel));
                    }
                }
            }
        }
        assert_eq!(unreachable, 1 + 8, "earlier: all three narrow; forgotten: none of the account");
    }
}
