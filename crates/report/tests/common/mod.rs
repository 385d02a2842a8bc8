//! Reports to render.
#![allow(dead_code, reason = "each test file uses a part")]

use diagnose::{Frequency, FrequencyKind, Repeatability, Severity, Shape, Verdict};
use diff::{Delta, Measure, RowDiff, RowState, RowTrend, TableDiff, TableTrend, Trend};
use memprobe_report::{CheckResult, DiffReport, NextStep, Pauses, Report, Side, TargetInfo, Tool};
use probe::{Certainty, Finding, FindingKind, Growth, Holder, Issue, Level, Role, Step, Unit};

pub(crate) const MIB: f64 = 1024.0 * 1024.0;

/// A linear leak of 1.2 MiB/s.
pub(crate) fn leak() -> Report {
    Report {
        schema: Report::SCHEMA.into(),
        tool: Tool { name: "memprobe".into(), version: "0.1.0".into() },
        target: TargetInfo {
            pid: 12345,
            started_at: Some("2026-11-22T09:00:00Z".into()),
            command: "python3 /srv/app/main.py --workers 2".into(),
            exe: Some("/usr/bin/python3.11".into()),
            python: Some("3.11.7".into()),
            processes: 3,
        },
        level: Level::High,
        started_at: "2026-11-22T10:00:00Z".into(),
        duration_s: 60.0,
        pauses: Pauses::default(),
        verdict: linear(),
        findings: vec![heap_growth()],
        issues: vec![],
        account: vec![],
        next: vec![NextStep {
            command: "memprobe --level medium --pid 12345".into(),
            why: "which Python types grow, and who holds them".into(),
        }],
        unknown: vec!["Which Python objects grow, and who holds them.".into()],
        series: (0..240).map(|i| (f64::from(i) / 4.0, (45.0 + f64::from(i) * 0.3) * MIB)).collect(),
        tables: vec![mappings(), processes()],
        check: None,
    }
}

fn linear() -> Verdict {
    Verdict {
        leak: Some(true),
        shape: Shape::Linear,
        confidence: 0.97,
        severity: Severity {
            bytes_per_s: 1.2 * MIB,
            low: 1.18 * MIB,
            high: 1.23 * MIB,
            bytes_total: 71.7 * MIB,
            bytes_per_event: Some(4130.0),
            limit_bytes: Some(1024.0 * MIB),
            time_to_limit_s: Some(756.0),
        },
        frequency: Frequency { kind: FrequencyKind::Continuous, events: 239, period_s: None },
        repeatability: Repeatability { runs: 5, leaking_runs: 5, spread: Some(0.04) },
        reason: "resident memory rose in 239 of 239 looks after a warm-up of 4 s".into(),
    }
}

fn heap_growth() -> Finding {
    Finding {
        id: "f1".into(),
        kind: FindingKind::NativeGrowth,
        subject: "[heap] of process 12345".into(),
        place: Some("/usr/bin/python3.11".into()),
        growth: Growth {
            objects: None,
            bytes: Some(66.7 * MIB),
            objects_per_s: None,
            bytes_per_s: Some(1.11 * MIB),
        },
        share: Some(0.93),
        holders: vec![],
        certainty: Certainty::Likely,
        evidence: vec![
            "the main heap went from 12 MiB to 78.7 MiB while all libraries together stayed within \
             40 KiB of where they were when the watching began"
                .into(),
        ],
        advice: "Look at the Python objects next.".into(),
    }
}

pub(crate) fn measure(name: &str, unit: Unit, role: Role) -> Measure {
    Measure { name: name.into(), unit, role }
}

pub(crate) fn moved(first: f64, last: f64) -> Option<Trend> {
    let per_s = (last - first) / 60.0;
    Some(Trend { first, last, per_s, rising: 1.0, samples: 30 })
}

pub(crate) fn row<const N: usize>(keys: &[&str], cells: [Option<Trend>; N]) -> RowTrend {
    RowTrend { keys: keys.iter().map(|&k| k.into()).collect(), cells: cells.into() }
}

fn mappings() -> TableTrend {
    let mut rows = vec![
        row(
            &["12345", "heap", "[heap]"],
            [moved(1.0, 1.0), moved(14.0 * MIB, 80.0 * MIB), moved(12.0 * MIB, 78.7 * MIB)],
        ),
        row(
            &["12345", "anonymous", "anonymous"],
            [moved(30.0, 35.0), moved(20.0 * MIB, 25.0 * MIB), moved(9.0 * MIB, 14.0 * MIB)],
        ),
    ];
    for n in 0..7 {
        let name =
            format!("/usr/lib/python3.11/lib-dynload/_module{n}.cpython-311-x86_64-linux-gnu.so");
        let cells = [moved(5.0, 5.0), None, moved(64.0 * 1024.0, 68.0 * 1024.0)];
        rows.push(row(&["12345", "library", &name], cells));
    }
    rows.push(row(&["12345", "stack", "[stack]"], [None, None, moved(MIB, MIB / 2.0)]));
    TableTrend {
        probe: "process".into(),
        table: "mappings".into(),
        keys: ["pid", "kind", "name"].map(Into::into).into(),
        measures: vec![
            measure("mappings", Unit::Count, Role::Level),
            measure("size", Unit::Bytes, Role::Level),
            measure("rss", Unit::Bytes, Role::Level),
        ],
        rows,
        unchanged: 41,
    }
}

fn processes() -> TableTrend {
    let cells = |rss: f64, threads: f64| {
        [moved(20.0 * MIB, rss), moved(1.0, threads), moved(100.0, 90000.0), moved(1e9, 9e9)]
    };
    TableTrend {
        probe: "process".into(),
        table: "processes".into(),
        keys: ["pid", "start_id"].map(Into::into).into(),
        measures: vec![
            measure("rss", Unit::Bytes, Role::Level),
            measure("threads", Unit::Count, Role::Level),
            measure("minor_faults", Unit::Count, Role::Counter),
            measure("cpu_user", Unit::Ns, Role::Counter),
        ],
        rows: vec![
            row(&["12345", "998877"], cells(91.7 * MIB, 4.0)),
            row(&["12346", "998899"], cells(20.0 * MIB, 1.0)),
        ],
        unchanged: 1,
    }
}

/// A process that does not grow.
pub(crate) fn no_leak() -> Report {
    let mut report = leak();
    report.verdict = Verdict {
        leak: Some(false),
        shape: Shape::Plateau,
        confidence: 0.99,
        severity: Severity {
            bytes_per_s: 12.0,
            low: -310.0,
            high: 400.0,
            bytes_total: 2.0 * MIB,
            bytes_per_event: None,
            limit_bytes: None,
            time_to_limit_s: None,
        },
        frequency: Frequency { kind: FrequencyKind::None, events: 0, period_s: None },
        repeatability: Repeatability { runs: 5, leaking_runs: 0, spread: None },
        reason: "memory grew by 2 MiB in the first 9 s and stayed there".into(),
    };
    report.target.processes = 1;
    report.target.python = None;
    report.findings.clear();
    report.next.clear();
    report.unknown.clear();
    report.tables.truncate(1);
    report.tables[0].rows.drain(..9);
    report.series =
        (0..60).map(|i| (f64::from(i), (40.0 + f64::from(i.min(9)) * 2.0 / 9.0) * MIB)).collect();
    report
}

/// Not watched for long enough.
pub(crate) fn undecided() -> Report {
    let mut report = no_leak();
    report.duration_s = 5.0;
    report.verdict.leak = None;
    report.verdict.shape = Shape::Irregular;
    report.verdict.confidence = 0.4;
    report.verdict.reason = "the warm-up has not ended; watch 20 s more".into();
    report.verdict.repeatability = Repeatability::default();
    report.series.truncate(6);
    report.tables.clear();
    let denied = Issue { probe: Some("process".into()), ..Issue::warning("cannot read smaps") };
    report.issues = vec![
        Issue::info("the page cache was cold"),
        denied.clone().with_hint("run as the same user, or as root"),
        denied.clone().with_hint("run as the same user, or as root"),
        denied.with_hint("run as the same user, or as root"),
        Issue::error("probe `alloc` panicked"),
    ];
    report.next = vec![NextStep {
        command: "memprobe --pid 12345 --for 30s".into(),
        why: "long enough to decide".into(),
    }];
    report
}

/// Growth that is given back, but not whole.
pub(crate) fn sawtooth() -> Report {
    let mut report = leak();
    report.verdict.shape = Shape::Sawtooth;
    report.verdict.frequency =
        Frequency { kind: FrequencyKind::Periodic, events: 6, period_s: Some(10.0) };
    report.verdict.repeatability = Repeatability { runs: 6, leaking_runs: 4, spread: Some(0.3) };
    report.verdict.reason = "the low points of 6 teeth rise by 1.2 MiB/s".into();
    report.series = (0..120)
        .map(|i| (f64::from(i) / 2.0, (40.0 + f64::from(i % 20) * 2.0 + f64::from(i) / 2.0) * MIB))
        .collect();
    report.findings.clear();
    report.tables.clear();
    report.unknown.clear();
    report.next.clear();
    report
}

fn step(kind: &str, name: &str, type_name: &str) -> Step {
    let maybe = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Step { kind: kind.into(), name: maybe(name), type_name: maybe(type_name) }
}

/// Several findings, held in several ways.
pub(crate) fn held() -> Report {
    let mut report = leak();
    report.level = Level::Medium;
    report.pauses = Pauses { count: 3, max_ms: 12.5, total_ms: 30.0, method: "fork".into() };
    let path = |attribute: &str| {
        vec![
            step("module", "app.cache", ""),
            step("attribute", attribute, "dict"),
            step("value", "", "list"),
        ]
    };
    let holders = (0..5)
        .map(|n| Holder {
            path: path(&format!("CACHE_{n}")),
            objects: Some(f64::from(100_000 - n * 10_000)),
            bytes: Some(f64::from(50 - n) * MIB),
        })
        .collect();
    let python = Finding {
        id: "f0".into(),
        kind: FindingKind::PythonGrowth,
        subject: "app.models.Session".into(),
        place: Some("app/models.py:41 in Session.load".into()),
        growth: Growth {
            objects: Some(125_000.0),
            bytes: Some(60.0 * MIB),
            objects_per_s: Some(2083.0),
            bytes_per_s: Some(MIB),
        },
        share: Some(0.84),
        holders,
        certainty: Certainty::Proved,
        evidence: (0..8).map(|n| format!("sentence {n} with 3 figures")).collect(),
        advice: "Bound the dictionary CACHE_0 of app.cache, or drop entries that are done.".into(),
    };
    let more = (0..5).map(|n| Finding {
        id: format!("f{}", n + 2),
        kind: FindingKind::HandleGrowth,
        subject: format!("sockets {n}"),
        place: None,
        growth: Growth { objects: Some(12.0), ..Growth::default() },
        share: None,
        holders: vec![],
        certainty: Certainty::Possible,
        evidence: vec![],
        advice: String::new(),
    });
    report.findings = std::iter::once(python).chain(report.findings).chain(more).collect();
    report.tables.clear();
    report
}

/// Names that try to do something.
pub(crate) fn hostile() -> Report {
    let nasty = "x\u{1b}[2J\u{1b}]0;owned\u{7}\n# no leak\r| a | `b` <img src=x onerror=alert(1)> \
                 @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)";
    let mut report = held();
    report.target.command = format!("{nasty}{}", "A".repeat(5000));
    report.target.python = Some(nasty.into());
    report.verdict.reason = nasty.into();
    report.tool.version = nasty.into();
    report.started_at = nasty.into();
    report.findings.truncate(1);
    let finding = &mut report.findings[0];
    finding.subject = nasty.into();
    finding.place = Some(nasty.into());
    finding.evidence = vec![nasty.into()];
    finding.advice = nasty.into();
    finding.holders.truncate(1);
    finding.holders[0].path = vec![step(nasty, nasty, nasty)];
    report.issues =
        vec![Issue { probe: Some(nasty.into()), ..Issue::warning(nasty).with_hint(nasty) }];
    report.next = vec![NextStep { command: nasty.into(), why: nasty.into() }];
    report.unknown = vec![nasty.into()];
    report.tables = vec![TableTrend {
        probe: nasty.into(),
        table: nasty.into(),
        keys: vec![nasty.into()],
        measures: vec![measure(nasty, Unit::Bytes, Role::Level)],
        rows: vec![row(&[nasty], [moved(0.0, MIB)])],
        unchanged: 0,
    }];
    report
}

/// Nothing known at all.
pub(crate) fn empty() -> Report {
    let mut report = undecided();
    report.target = TargetInfo {
        pid: 1,
        started_at: None,
        command: String::new(),
        exe: None,
        python: None,
        processes: 0,
    };
    report.duration_s = 0.0;
    report.verdict.reason = String::new();
    report.verdict.severity = Severity::default();
    report.issues.clear();
    report.next.clear();
    report.series.clear();
    report
}

/// A table that only some plugin knows.
pub(crate) fn third_party() -> Vec<TableTrend> {
    vec![
        TableTrend {
            probe: "redis".into(),
            table: "queues".into(),
            keys: vec!["queue".into(), "shard".into()],
            measures: vec![
                measure("waiting", Unit::Count, Role::Level),
                measure("payload", Unit::Bytes, Role::Level),
                measure("oldest", Unit::Ns, Role::Level),
                measure("served", Unit::Count, Role::Counter),
            ],
            rows: vec![
                row(
                    &["mail", "0"],
                    [
                        moved(10.0, 910.0),
                        moved(4096.0, 3.0 * MIB),
                        moved(0.0, 61e9),
                        moved(0.0, 1e6),
                    ],
                ),
                row(
                    &["mail", "1"],
                    [moved(3.0, 4.0), moved(4096.0, 4096.0), None, moved(0.0, 9.0)],
                ),
                row(&["push", "0"], [moved(9.0, 1.0), moved(90.0, 10.0), None, moved(0.0, 9.0)]),
            ],
            unchanged: 0,
        },
        TableTrend {
            probe: "redis".into(),
            table: "quiet".into(),
            keys: vec!["name".into()],
            measures: vec![measure("n", Unit::Count, Role::Counter)],
            rows: vec![row(&["ticks"], [moved(0.0, 60.0)])],
            unchanged: 3,
        },
    ]
}

fn side(file: &str, report: Report) -> Side {
    Side { file: file.into(), verdict: Some(report.verdict), about: String::new() }
}

/// Two recordings: one before and one after the repair.
pub(crate) fn difference() -> DiffReport {
    let delta = |before: Option<f64>, after: Option<f64>| {
        let change = after.unwrap_or(0.0) - before.unwrap_or(0.0);
        Some(Delta { before, after, change, per_s: Some(change / 3600.0) })
    };
    let row = |state, name: &str, cell| RowDiff {
        state,
        keys: vec!["heap".into(), name.into()],
        cells: vec![cell],
    };
    DiffReport {
        before: side("before.jsonl", leak()),
        after: side("after.jsonl", no_leak()),
        tables: vec![TableDiff {
            table: "mappings".into(),
            keys: vec!["kind".into(), "name".into()],
            measures: vec![measure("rss", Unit::Bytes, Role::Level)],
            rows: vec![
                row(RowState::Added, "libnew.so", delta(None, Some(3.0 * MIB))),
                row(RowState::Changed, "arena", delta(Some(MIB), Some(2.0 * MIB))),
                row(RowState::Gone, "libold.so", delta(Some(MIB), None)),
            ],
        }],
        issues: vec![Issue::info("table `gc` is only in the later snapshot")],
    }
}

/// A check that failed.
pub(crate) fn failed_check() -> Report {
    let mut report = sawtooth();
    report.check = Some(CheckResult {
        passed: Some(false),
        limit: Some("1 MiB/min".into()),
        message: "failed: it grows by more than 1 MiB/min".into(),
    });
    report
}
