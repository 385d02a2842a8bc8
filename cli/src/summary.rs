//! From what came out of a run to the report: who, when, what is not known, what to do next.

use clap::Subcommand;
use diagnose::Judgement;
use probe::{Certainty, Finding, FindingKind, Level, Target};
pub use report::Tool;
use report::{NextStep, Report, TargetInfo};

use crate::args::TryCmd;
use crate::clock;
use crate::facts::Facts;
use crate::session::Outcome;

/// Makes the report of a run.
#[must_use]
pub fn report(outcome: &Outcome, judgement: &Judgement, level: Level) -> Report {
    let facts = &outcome.facts;
    let findings = outcome.observation.findings(judgement);
    let mut next = next_steps(judgement, level, facts);
    next.extend(experiment(&findings, facts));
    Report {
        schema: Report::SCHEMA.into(),
        tool: tool(),
        target: target_info(facts),
        level,
        started_at: clock::rfc3339(facts.started_unix_ns),
        duration_s: facts.duration.as_secs_f64(),
        pauses: facts.pauses.clone(),
        verdict: judgement.verdict.clone(),
        findings,
        issues: facts.issues.clone(),
        account: outcome.observation.account(judgement),
        next,
        unknown: unknown(judgement, level),
        series: judgement.series.clone(),
        tables: outcome.observation.trends(),
        check: None,
    }
}

/// Name and version of this program.
#[must_use]
pub fn tool() -> Tool {
    Tool { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into() }
}

fn target_info(facts: &Facts) -> TargetInfo {
    let unknown = Target::default();
    let first = facts.targets.first().unwrap_or(&unknown);
    TargetInfo {
        pid: first.pid,
        started_at: first.started_unix_ns.map(clock::rfc3339),
        command: first.command.clone(),
        exe: first.exe.clone(),
        python: facts.python.clone().or_else(|| first.python.clone()),
        processes: facts.processes,
    }
}

/// What nobody can read at this level, so that no reader takes silence for "nothing there".
fn unknown(judgement: &Judgement, level: Level) -> Vec<String> {
    let mut list = Vec::new();
    if judgement.verdict.leak == Some(false) && level == Level::High {
        return list;
    }
    match level {
        Level::High => list.push(
            "which objects grow and who holds them: the high level sees memory from outside only"
                .into(),
        ),
        Level::Medium | Level::Low => list.push(
            "where the objects were made: allocations are not traced; if the program runs with \
             tracemalloc, `memprobe tracemalloc` reads its lines"
                .into(),
        ),
    }
    if level == Level::Low {
        list.push(
            "which code asked for a native block: stacks are not traced, so a block is told by \
             its size and by what points to it"
                .into(),
        );
    }
    list
}

fn next_steps(judgement: &Judgement, level: Level, facts: &Facts) -> Vec<NextStep> {
    let step = |command: String, why: &str| NextStep { command, why: why.into() };
    let pids: Vec<String> = facts.targets.iter().map(|t| t.pid.to_string()).collect();
    let pids = pids.join(",");
    let mut steps = Vec::new();
    match (judgement.verdict.leak, level) {
        (Some(true), Level::High) => steps.push(step(
            format!("memprobe --level medium --pid {pids}"),
            "looks into the interpreter: which types of objects grow, and its garbage collector",
        )),
        (Some(true), Level::Medium) => steps.push(step(
            format!("memprobe --level low --pid {pids}"),
            "looks at the native heap: main heap, thread arenas, big blocks",
        )),
        (None, _) => {
            let seconds = judgement.watch_more_s.unwrap_or(60.0) + facts.duration.as_secs_f64();
            steps.push(step(
                format!("memprobe --level {} --pid {pids} --for {}s", level.name(), seconds.ceil()),
                "watches long enough to decide",
            ));
        }
        _ => {}
    }
    if judgement.verdict.leak == Some(true) {
        steps.push(step(
            "memprobe check --for 60s -- COMMAND".into(),
            "run on the repaired program: ends with status 0 when the leak is gone",
        ));
    }
    steps
}

/// The experiment that would settle the leading finding, where that is not proved: findings stand in
/// the order of importance.
fn experiment(findings: &[Finding], facts: &Facts) -> Option<NextStep> {
    let leading = findings.first().filter(|finding| finding.certainty != Certainty::Proved)?;
    let [target] = facts.targets.as_slice() else { return None };
    let (experiment, why) = match leading.kind {
        FindingKind::CyclicGarbage => {
            ("gc-collect", "has it collect once: what comes back, by type, is proved to be garbage")
        }
        FindingKind::AllocatorHeld if leading.subject.starts_with("glibc") => {
            ("trim", "has malloc give back what it keeps: what comes back was never a leak")
        }
        FindingKind::PythonGrowth => (
            "tracemalloc",
            "traces allocations for a minute: which lines make what is there at its end",
        ),
        _ => return None,
    };
    let command = format!("memprobe try {experiment} --pid {}", target.pid);
    TryCmd::has_subcommand(experiment).then(|| NextStep { command, why: why.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Growth;

    fn finding(kind: FindingKind, subject: &str, certainty: Certainty) -> Finding {
        Finding {
            id: "1".into(),
            kind,
            subject: subject.into(),
            place: None,
            growth: Growth::default(),
            share: None,
            holders: Vec::new(),
            certainty,
            evidence: Vec::new(),
            advice: String::new(),
        }
    }

    /// The leading finding is settled, unless it is proved; no command is named that is not there.
    #[test]
    fn the_leading_finding_has_its_experiment() {
        let one = Facts::new(0, &[Target::from_pid(7)]);
        let held = finding(FindingKind::AllocatorHeld, "glibc malloc: x", Certainty::Possible);
        let command = |findings: &[Finding], facts: &Facts| {
            experiment(findings, facts).map(|step| step.command)
        };
        let trim = Some("memprobe try trim --pid 7".to_owned());
        assert_eq!(command(std::slice::from_ref(&held), &one), trim);
        let handles = finding(FindingKind::HandleGrowth, "x", Certainty::Likely);
        assert_eq!(command(&[handles, held.clone()], &one), None);
        let two = Facts::new(0, &[Target::from_pid(7), Target::from_pid(8)]);
        assert_eq!(command(std::slice::from_ref(&held), &two), None, "which of them?");
        let pymalloc = finding(FindingKind::AllocatorHeld, "pymalloc: x", Certainty::Possible);
        assert_eq!(command(&[pymalloc], &one), None);
        let proved = Finding { certainty: Certainty::Proved, ..held };
        assert_eq!(command(&[proved], &one), None);
    }
}
