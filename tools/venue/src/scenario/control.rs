//! Control steps: what a scenario can do to the venue that it runs in.
//!
//! | step | what happens |
//! |---|---|
//! | `!alone` | nothing; it says that nobody else may trade, which holds here |
//! | `!fresh` | nothing; it says that the clients used no ClOrdID before, which holds here |
//! | `!index BTC/USD 1000.5` | the index price (388=1); `down`: there is none |
//! | `!prices BTC/USD off` | the feed of prices stops (an empty snapshot); `on`: it is back |
//! | `!logons refuse` | logons are refused, with `silence` without a word; `accept`: no longer |
//! | `!rollover` | the daily rollover, now |
//! | `!cut A` | the venue drops a connection without a word |
//! | `!logout A some text` | the venue logs a session out |
//! | `!stop` | the venue stops |
//! | `!market BTC/USD cancel_only`, `!stall TAUT spot-trading 500ms` ... | any [`Step`] of a control script, now |

use taut_codec::value::{Decimal, UtcTime};

use super::LinkError;
use crate::gateway::{ConnectionId, Logons};
use crate::venue::{Step, StepError, Venue};

/// Does what a step says.
///
/// # Errors
/// [`LinkError::Failed`] if it makes no sense.
pub fn apply(
    venue: &mut Venue,
    words: &[String],
    connection: &dyn Fn(&str) -> Option<ConnectionId>,
    now: UtcTime,
) -> Result<(), LinkError> {
    let failed = |why: String| LinkError::Failed(why);
    let known = |name: &str| {
        connection(name).ok_or_else(|| failed(format!("there is no connection {name:?}")))
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["alone" | "fresh"] => Ok(()),
        ["index", symbol, price] => {
            let price = match *price {
                "down" => None,
                text => {
                    let price = Decimal::parse(text.as_bytes());
                    Some(price.map_err(|error| failed(error.to_string()))?)
                }
            };
            listed(venue.set_index(symbol, price, now))
        }
        ["prices", symbol, shown @ ("on" | "off")] => {
            listed(venue.set_prices_shown(symbol, *shown == "on", now))
        }
        ["logons", what @ ("refuse" | "silence" | "accept")] => {
            venue.set_logons(match *what {
                "refuse" => Logons::Refuse,
                "silence" => Logons::CloseSilently,
                _ => Logons::Judge,
            });
            Ok(())
        }
        ["cut", name] => {
            venue.drop_connection(known(name)?);
            Ok(())
        }
        ["logout", name, text @ ..] => {
            let text = text.join(" ");
            venue.logout(known(name)?, (!text.is_empty()).then_some(text.as_str()), now);
            Ok(())
        }
        ["rollover"] => {
            venue.roll_over(now);
            Ok(())
        }
        ["stop"] => {
            venue.stop(now);
            Ok(())
        }
        _ => {
            let step: Step =
                words.join(" ").parse().map_err(|why: StepError| failed(why.to_string()))?;
            let done = venue.control(&step, now);
            let nothing = || failed("there is nothing that it could be done to".into());
            if done { Ok(()) } else { Err(nothing()) }
        }
    }
}

fn listed(done: bool) -> Result<(), LinkError> {
    if done { Ok(()) } else { Err(LinkError::Failed("the symbol is not listed".into())) }
}
