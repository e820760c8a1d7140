mod reconnecting;
mod rolling_over;
mod world;

use super::*;
