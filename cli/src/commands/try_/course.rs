//! The course of an experiment with words: measure, change, measure, put back, measure.

use std::time::Duration;

use diagnose::trial::{Added, Effect, Slope};
use diff::human;
use experiment::{Outcome, Restored, Word};
use probe::Issue;
use report::Answer;

use super::phases::{self, End, Phase};
use super::stage::{Found, Stage, beside};
use super::words::Changed;
use crate::exit::Failure;

/// What was measured, and what became of the words.
pub(super) struct Course {
    phases: Vec<Phase>,
    restored: Vec<Restored>,
}

/// How the change is called in sentences.
pub(super) struct Wording {
    /// "With the collector off".
    pub(super) with: String,
    /// What more growth means.
    pub(super) more: &'static str,
    /// What less growth means.
    pub(super) less: &'static str,
}

/// What is to be said of words before they are changed.
pub(super) fn announced(words: &[Word], duration: Duration, others: usize) -> Vec<String> {
    let time = |duration: Duration| human::duration(duration.as_secs_f64());
    let side = time(beside(duration));
    let mut lines = vec![format!("measures how fast memory grows for {side} and changes nothing")];
    lines.extend(words.iter().map(|word| {
        let Word { name, address, before, during, .. } = word;
        format!(
            "then sets {name} from {before} to {during} (one word at {address:#x}; no code runs)"
        )
    }));
    lines.push(format!(
        "puts it back after {}, at Ctrl-C, or when memprobe is gone, and measures for {side} more",
        time(duration)
    ));
    if others > 0 {
        lines.push(format!(
            "leaves the {others} subinterpreters as they are: their memory may belong to others \
             by then"
        ));
    }
    lines
}

/// Keeps other experiments away from the process, before anything is read of it: what it looks like
/// may be their doing.
pub(super) fn hold(stage: &Stage, duration: Duration) -> Result<Changed, Failure> {
    Changed::hold(&stage.target, beside(duration) + duration).map_err(Failure::of_target)
}

/// Makes the experiment.
pub(super) fn run(
    stage: &mut Stage,
    changed: &mut Changed,
    words: Vec<Word>,
    duration: Duration,
) -> Result<Course, Failure> {
    let side = beside(duration);
    stage.progress(&format!("measuring for {} ...", human::duration(side.as_secs_f64())));
    let (before, end) = Phase::measure(stage, "before", side, || true);
    let mut course = Course { phases: vec![before], restored: Vec::new() };
    if end != End::Due {
        return Ok(course);
    }
    changed.set(words).map_err(Failure::of_target)?;
    stage.progress(&format!("changed, for {} ...", human::duration(duration.as_secs_f64())));
    let mut disturbed = None;
    let (during, end) = Phase::measure(stage, "during", duration, || {
        disturbed = changed.disturbed().map(|(word, now)| disturbance(word, now));
        disturbed.is_none()
    });
    course.restored = changed.restore();
    if end != End::Gone {
        stage.issues.extend(disturbed.map(Issue::warning));
    }
    course.phases.push(during);
    if end == End::Due {
        stage.progress(&format!(
            "put back; measuring for {} ...",
            human::duration(side.as_secs_f64())
        ));
        course.phases.push(Phase::measure(stage, "after", side, || true).0);
    }
    Ok(course)
}

fn disturbance(word: &Word, now: Option<u64>) -> String {
    match now {
        Some(now) => format!(
            "the program itself has set {} to {now} meanwhile: the change ended there",
            word.name
        ),
        None => format!("{} is not there any more: the change ended there", word.name),
    }
}

impl Course {
    /// What follows.
    pub(super) fn found(self, wording: &Wording) -> Found {
        let restored = self.restored.iter().map(ToString::to_string).collect();
        Found {
            result: self.answer(wording),
            tables: vec![phases::table(&self.phases)],
            restored,
            ..Found::default()
        }
    }

    /// Collections that ended while it was changed.
    pub(super) fn collections(&self) -> Option<u64> {
        self.phases.get(1)?.collections()
    }

    /// Whether something could not be put back.
    pub(super) fn failed(&self) -> bool {
        self.restored.iter().any(|one| matches!(one.outcome, Outcome::Failed(_)))
    }

    fn answer(&self, wording: &Wording) -> Answer {
        let slope = |index: usize| self.phases.get(index).and_then(Phase::slope);
        let Some(during) = self.phases.get(1) else {
            let sentence = "It ended before anything was changed".into();
            return Answer { effect: Some(Effect::Undecided), sentence, added: None };
        };
        let (Some(before), Some(with)) = (slope(0), slope(1)) else {
            let sentence = format!(
                "It was changed for {}, too short a time for a slope",
                human::duration(during.seconds)
            );
            return Answer { effect: Some(Effect::Undecided), sentence, added: None };
        };
        let added = Added::between(&before, &with);
        let sentence = wording.sentence(&before, &with, &added);
        Answer { effect: Some(added.effect), sentence, added: Some(added) }
    }
}

impl Wording {
    fn sentence(&self, before: &Slope, during: &Slope, added: &Added) -> String {
        let with = &self.with;
        let interval = |low: f64, high: f64| {
            format!("95 % interval {} to {}", human::rate(low), human::rate(high))
        };
        match added.effect {
            Effect::Difference if added.bytes_per_s > 0.0 => format!(
                "{with} memory grew by {} more ({}): {}",
                human::rate(added.bytes_per_s),
                interval(added.low, added.high),
                self.more
            ),
            Effect::Difference => format!(
                "{with} memory grew by {} less ({}): {}",
                human::rate(-added.bytes_per_s),
                interval(-added.high, -added.low),
                self.less
            ),
            Effect::None => format!(
                "{with} memory grew by {}, before by {}: what could hide in the noise is below {}, \
                 which does not matter",
                human::rate(during.bytes_per_s),
                human::rate(before.bytes_per_s),
                human::rate(added.tolerance)
            ),
            Effect::Undecided => format!(
                "{with} memory grew by {}, before by {}, which may be chance ({} of the \
                 difference); a longer experiment (--for) should decide",
                human::rate(during.bytes_per_s),
                human::rate(before.bytes_per_s),
                interval(added.low, added.high)
            ),
        }
    }
}
