//! Everybody who looks in a run: a lane per probe and target, and the rounds.

use std::sync::Arc;

use super::state::State;
use super::{Session, Until};
use crate::guardian::Guardian;
use crate::lane::{Lane, StopFlag};
use crate::pace::Span;
use crate::rounds::{Rounds, Subject};
use crate::shutter::Shutter;

/// How those who look are stopped.
pub(super) struct Crew {
    pub(super) stop_lanes: Arc<StopFlag>,
    pub(super) stop_rounds: Arc<StopFlag>,
    /// How many of them are asked in rounds.
    pub(super) in_rounds: usize,
}

impl Session<'_> {
    pub(super) fn start_crew(&self, state: &mut State) -> Crew {
        let shutter = Arc::new(Shutter::default());
        let stop_lanes = Arc::new(StopFlag::default());
        let stop_rounds = Arc::new(StopFlag::default());
        state.lanes_left = self.start_lanes(state, &shutter, &stop_lanes);
        let in_rounds = self.start_rounds(state, &shutter, &stop_rounds);
        state.lanes_left += in_rounds;
        Crew { stop_lanes, stop_rounds, in_rounds }
    }

    /// The part of the run that counts.
    fn span(&self, state: &State) -> Span {
        let length = match self.until {
            Until::Elapsed(time) | Until::Sure(time) => Some(time.saturating_sub(self.skip)),
            Until::CommandEnds => None,
        };
        Span { begin: state.begun + self.skip, length }
    }

    fn start_lanes(
        &self,
        state: &mut State,
        shutter: &Arc<Shutter>,
        stop: &Arc<StopFlag>,
    ) -> usize {
        let mut started = 0;
        for target in &self.targets {
            for planned in self.plan.probes.iter().filter(|planned| !planned.asks.is_empty()) {
                let name = planned.plugin.descriptor().name.clone();
                match planned.open() {
                    Ok(probe) => {
                        let lane = Lane {
                            name,
                            probe,
                            target: target.clone(),
                            asks: planned.asks.clone(),
                            span: self.span(state),
                            shutter: Arc::clone(shutter),
                        };
                        drop(lane.start(Arc::clone(stop), self.outbox.clone()));
                        started += 1;
                    }
                    Err(error) => state.fail(&name, error),
                }
            }
        }
        started
    }

    fn start_rounds(
        &self,
        state: &mut State,
        shutter: &Arc<Shutter>,
        stop: &Arc<StopFlag>,
    ) -> usize {
        let mut subjects = Vec::new();
        for target in &self.targets {
            let mut subject = Subject::new(target.clone());
            for planned in self.plan.probes.iter().filter(|planned| !planned.frozen.is_empty()) {
                let name = planned.plugin.descriptor().name.clone();
                match planned.open_for_rounds() {
                    Ok(probe) => subject.add(name, probe, &planned.frozen, self.span(state)),
                    Err(error) => state.fail(&name, error),
                }
            }
            subjects.push(subject);
        }
        let asked = subjects.iter().map(Subject::len).sum();
        if asked > 0 {
            let method = self.plan.freeze;
            let guardian = Guardian::of(method);
            let rounds = Rounds { subjects, method, guardian, shutter: Arc::clone(shutter) };
            drop(rounds.start(Arc::clone(stop), self.outbox.clone()));
        }
        asked
    }
}
