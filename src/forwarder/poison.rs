//! Carrying a run although our own code may panic over an event of it.
//!
//! In: a run. Out: what became of it, always. Where carrying panics, what the run had reached is
//! void, because nobody knows how far it was: it is carried again by halves, at once, until the event
//! is alone that makes it panic. What Meta had taken before is sent twice, with the same ids. What
//! becomes of the single event is decided in `core::delivery`.

use super::carrier::Carrier;
use super::pace::moment;
use crate::core::delivery::{Attempt, Carried, Delivery, Heard, Signal, halves};
use crate::core::meta::usage::Usage;
use crate::telemetry::{self, caught};

impl Carrier {
    /// Carries a run, by halves if need be.
    pub(super) async fn carry_safely(&self, run: Vec<Delivery>, is_again: bool) -> Carried {
        let mut carried = Carried::default();
        let mut parts = vec![run];
        while let Some(part) = parts.pop() {
            let started = moment(&self.forwarder.clock);
            if let Ok(done) = caught(self.clone().carry_part(part.clone(), is_again)).await {
                carried.add(done);
                continue;
            }
            telemetry::request_panicked(&self.forwarder.name, part.len());
            let alone = part.first().cloned();
            if let Some((first, rest)) = halves(part) {
                // The log's order as far as there is one: the first half is carried first.
                parts.extend([rest, first]);
            } else if let Some(alone) = alone {
                self.doubt(&mut carried, &alone, started.steady);
            }
        }
        carried
    }

    /// A single event panics: it waits or is given up, and holds up others only if another does too.
    fn doubt(&self, carried: &mut Carried, event: &Delivery, started: i64) {
        let now = moment(&self.forwarder.clock);
        let attempt = Attempt::panicked(event, now.wall, now.steady - started);
        let says = attempt.says.clone();
        let others_pass = self.pace.has_answered();
        let waits = (self.forwarder.waits, fastrand::f64());
        let millis = carried.panicked(event, attempt, others_pass, waits);
        let signal = Signal::Doubt { event: event.seq, millis };
        let (usage, codes) = (Usage::default(), (None, None));
        let heard = Heard { started, now, signal, usage, codes, says: &says };
        let turn = self.pace.met(heard);
        self.tell_turn(turn);
    }
}
