//! From snapshots to verdict and findings, through the public interface alone.

use memprobe_diagnose::{
    FrequencyKind, Judgement, Observation, Settings, Shape, combine, judge_series,
};
use probe::{
    Certainty, Column, FindingKind, Level, ProbeId, Role, Snapshot, Table, Taken, Target, Unit,
    Values,
};

const MIB: u64 = 1 << 20;

fn snapshot(pid: u32, seconds: f64, tables: Vec<Table>) -> Snapshot {
    let ns = (seconds * 1e9) as u64 + 5_000_000_000;
    let taken = Taken { unix_ns: ns, monotonic_ns: ns };
    let id = ProbeId { name: "any".into(), version: "1".into() };
    let mut snapshot = Snapshot::new(id, Target::from_pid(pid), taken);
    snapshot.tables = tables;
    snapshot
}

/// Exact figures: `(pid, anonymous, file, threads)`.
fn processes(rows: &[(u64, u64, u64, u64)]) -> Table {
    let bytes = |name, of: fn(&(u64, u64, u64, u64)) -> u64| {
        Column::level(name, Unit::Bytes, rows.iter().map(|r| Some(of(r))).collect::<Vec<_>>())
    };
    Table::new(
        "processes",
        vec![
            Column::id_key("pid", rows.iter().map(|r| r.0)),
            Column::id_key("start_id", rows.iter().map(|_| 1)),
            Column::text("command", rows.iter().map(|r| Some(format!("worker {}", r.0)))),
            bytes("rss_anon", |r| r.1),
            bytes("rss_shmem", |_| 0),
            bytes("pss_anon", |r| r.1),
            bytes("pss_shmem", |_| 0),
            bytes("swap_pss", |_| 0),
            bytes("pss_file", |r| r.2),
            Column::level("threads", Unit::Count, rows.iter().map(|r| Some(r.3))),
        ],
    )
}

/// The cheap figures of question `rss`.
fn cheap(rows: &[(u64, u64)]) -> Table {
    Table::new(
        "processes",
        vec![
            Column::id_key("pid", rows.iter().map(|r| r.0)),
            Column::id_key("start_id", rows.iter().map(|_| 1)),
            Column::level("rss_anon", Unit::Bytes, rows.iter().map(|r| Some(r.1))),
        ],
    )
}

fn mappings(rows: &[(u64, &str, &str, u64)]) -> Table {
    let bytes = |name| Column::level(name, Unit::Bytes, rows.iter().map(|r| Some(r.3)));
    Table::new(
        "mappings",
        vec![
            Column::id_key("pid", rows.iter().map(|r| r.0)),
            Column::text_key("kind", rows.iter().map(|r| r.1)),
            Column::text_key("name", rows.iter().map(|r| r.2)),
            bytes("size"),
            bytes("pss"),
        ],
    )
}

fn handles(count: u64) -> Table {
    Table::new(
        "handles",
        vec![
            Column::id_key("pid", [7]),
            Column::text_key("kind", ["socket"]),
            Column::level("handles", Unit::Count, [Some(count)]),
            Column::text("example", [Some("socket:[4711]".into())]),
        ],
    )
}

fn shared(files: u64) -> Table {
    Table::new(
        "shared_memory",
        vec![
            Column::text_key("path", (0..files).map(|i| format!("/dev/shm/psm_{i:04x}"))),
            Column::id_key("inode", 0..files),
            Column::level("unmapped", Unit::Bytes, (0..files).map(|_| Some(64 * 1024))),
        ],
    )
}

fn limits(limit: u64, used: u64) -> Table {
    Table::new(
        "limits",
        vec![
            Column::text_key("scope", ["cgroup", "rlimit"]),
            Column::text_key("name", ["memory.max", "RLIMIT_AS"]),
            Column::level("limit", Unit::Bytes, [Some(limit), None]),
            Column::level("used", Unit::Bytes, [Some(used), None]),
            Column::text("against", [Some("rss".into()), Some("vss".into())]),
        ],
    )
}

/// Looks four times a second for half a minute; every second look at the heavier tables.
fn watch(mut look: impl FnMut(f64) -> Vec<Table>) -> Observation {
    let mut observation = Observation::new(Settings::default());
    for i in 0..120 {
        let seconds = f64::from(i) / 4.0;
        for table in look(seconds) {
            if table.name == "processes" || i % 8 == 0 {
                observation.push(snapshot(7, seconds, vec![table]));
            }
        }
    }
    observation
}

fn grown(seconds: f64, rate: f64) -> u64 {
    20 * MIB + (seconds * rate) as u64
}

#[test]
fn a_leak_is_called_measured_and_located() {
    let observation = watch(|t| {
        let heap = grown(t, 2e6);
        vec![
            processes(&[(7, heap, 5 * MIB, 3)]),
            mappings(&[(7, "heap", "[heap]", heap - 15 * MIB), (7, "anonymous", "", 15 * MIB)]),
            limits(1024 * MIB, 512 * MIB),
        ]
    });
    let judgement = observation.judge();
    let verdict = &judgement.verdict;
    assert_eq!((verdict.leak, verdict.shape), (Some(true), Shape::Linear), "{verdict:#?}");
    assert_eq!(
        verdict.reason,
        "Private memory grows by 1.91 MiB/s, steadily, in 6 of 6 windows; at this rate the cgroup \
         limit memory.max (1 GiB) is reached in 4.5 min"
    );
    assert!((verdict.severity.bytes_per_s - 2e6).abs() < 1e3);
    assert!(verdict.severity.low <= 2e6 && verdict.severity.high >= 1.99e6);
    assert_eq!(verdict.severity.limit_bytes, Some((1024 * MIB) as f64));
    assert_eq!(verdict.frequency.kind, FrequencyKind::Continuous);
    assert_eq!((verdict.repeatability.runs, verdict.repeatability.leaking_runs), (6, 6));
    assert_eq!(judgement.windows.len(), 6);
    assert!(judgement.sure && judgement.watch_more_s.is_none());

    let findings = observation.findings(&judgement);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0].kind, FindingKind::MappingGrowth);
    assert_eq!(findings[0].id, "mapping-growth-1");
    assert_eq!(findings[0].subject, "main heap ([heap])");
    assert_eq!(findings[0].certainty, Certainty::Likely);
    assert!(findings[0].share.is_some_and(|s| s > 0.9));
    assert!(findings[0].advice.contains("`memprobe --level medium --pid 7`"));
}

/// When a neighbour with the same libraries ends, this process's part of their pages grows.
#[test]
fn pages_of_libraries_are_not_blamed_for_a_neighbour_that_ends() {
    let found = |own: fn(f64) -> u64| {
        let observation = watch(|t| {
            let heap = grown(t, 1e6);
            let mut table = mappings(&[
                (7, "heap", "[heap]", heap),
                (7, "library", "/lib/a.so", 3 * MIB + (t * 5e5) as u64),
            ]);
            let anonymous = [heap, own(t)].map(Some);
            table.columns.push(Column::level("anonymous", Unit::Bytes, anonymous));
            vec![processes(&[(7, heap, 5 * MIB, 3)]), table]
        });
        let findings = observation.findings(&observation.judge());
        findings.into_iter().map(|f| f.subject).collect::<Vec<_>>()
    };
    assert_eq!(found(|_| MIB), ["main heap ([heap])"]);
    let written = found(|t| MIB + (t * 5e5) as u64);
    assert_eq!(written, ["main heap ([heap])", "library /lib/a.so"]);
}

#[test]
fn a_level_process_is_silent() {
    let observation = watch(|t| {
        let wobble = u64::from((t * 4.0) as u32 % 3) * 4096;
        vec![
            processes(&[(7, 20 * MIB + wobble, 5 * MIB, 3)]),
            mappings(&[(7, "heap", "[heap]", 9 * MIB + wobble)]),
            handles(4),
        ]
    });
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(false), "{judgement:#?}");
    assert_eq!(judgement.verdict.shape, Shape::Flat);
    assert!(judgement.verdict.reason.starts_with("Private memory does not grow"));
    assert!(observation.findings(&judgement).is_empty());
}

/// Cheap figures are enough where there are no others.
#[test]
fn cheap_figures_are_judged_too() {
    let observation = watch(|t| vec![cheap(&[(7, grown(t, 1e6))])]);
    assert_eq!(observation.judge().verdict.leak, Some(true));
}

/// Memory that moves from one process to another does not grow, and what ends is gone.
#[test]
fn the_tree_is_summed() {
    let moving = watch(|t| {
        let moved = (t * 1e6) as u64;
        vec![processes(&[(7, 80 * MIB - moved, 0, 1), (8, 20 * MIB + moved, 0, 1)])]
    });
    assert_eq!(moving.judge().verdict.leak, Some(false));
    let ending = watch(|t| {
        let mut rows = vec![(7, 20 * MIB, 0, 1)];
        if t < 5.0 {
            rows.push((8, 90 * MIB, 0, 1));
        }
        vec![processes(&rows)]
    });
    assert_eq!(ending.judge().verdict.leak, Some(false), "{:#?}", ending.judge().verdict);
}

#[test]
fn the_process_that_grows_is_named() {
    let observation = watch(|t| {
        let child = grown(t, 2e6);
        vec![
            processes(&[(7, 20 * MIB, 0, 1), (9, child, 0, 1)]),
            mappings(&[(7, "heap", "[heap]", MIB), (9, "anonymous", "", child)]),
        ]
    });
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(true));
    let findings = observation.findings(&judgement);
    let kinds: Vec<FindingKind> = findings.iter().map(|f| f.kind).collect();
    assert!(kinds.contains(&FindingKind::ChildGrowth), "{findings:#?}");
    assert!(findings.iter().all(|f| f.advice.contains("--pid 9")), "{findings:#?}");
    let child = findings.iter().find(|f| f.kind == FindingKind::ChildGrowth).expect("a child");
    assert_eq!(child.subject, "process 9 worker 9");
}

/// Workers of which each grows a little are one finding, and so are ever more of them.
#[test]
fn many_processes_that_grow_a_little_are_named_together() {
    type Look = fn(f64) -> Vec<(u64, u64, u64, u64)>;
    let told = |look: Look| {
        let observation = watch(move |t| {
            let mut rows = look(t);
            rows.push((7, 20 * MIB, 0, 1));
            vec![processes(&rows)]
        });
        let judgement = observation.judge();
        assert_eq!(judgement.verdict.leak, Some(true), "{:?}", judgement.verdict);
        let findings = observation.findings(&judgement);
        findings.into_iter().find(|f| f.kind == FindingKind::ChildGrowth).expect("children")
    };
    let workers = told(|t| (10..18).map(|pid| (pid, grown(t, 4e5 + pid as f64), 0, 1)).collect());
    assert_eq!(workers.subject, "8 processes worker 17");
    assert!(workers.share.is_some_and(|share| share > 0.9), "{workers:#?}");
    assert!(workers.advice.contains("--pid 17"), "{}", workers.advice);
    let more = told(|t| (0..4 + 2 * t as u64).map(|n| (100 + n, MIB, 0, 1)).collect());
    assert!(
        more.evidence.iter().any(|e| e.contains("their number went from 4 to 62")),
        "{more:#?}"
    );
    assert!(more.advice.starts_with("Processes are started and do not end"), "{}", more.advice);
}

/// What a process began with that was not there before is no growth of its handles.
#[test]
fn handles_of_new_processes_are_no_growth() {
    let observation = watch(|t| {
        let mut open = handles(10);
        if t > 4.0 {
            open = handles(40);
            open.columns[0] = Column::id_key("pid", [9]);
        }
        vec![processes(&[(7, 20 * MIB, 0, 1)]), open]
    });
    let findings = observation.findings(&observation.judge());
    assert!(findings.iter().all(|f| f.kind != FindingKind::HandleGrowth), "{findings:#?}");
}

/// Several targets are one subject; the second may come a moment later.
#[test]
fn several_targets_are_one_subject() {
    let mut observation = Observation::new(Settings { level: Some(Level::Medium) });
    for i in 0..120 {
        let seconds = f64::from(i) / 4.0;
        observation.push(snapshot(7, seconds, vec![processes(&[(7, 30 * MIB, 0, 1)])]));
        let other = processes(&[(8, grown(seconds, 1e6), 0, 1)]);
        observation.push(snapshot(8, seconds + 0.05, vec![other]));
    }
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(true), "{judgement:#?}");
    assert!((judgement.verdict.severity.bytes_per_s - 1e6).abs() < 5e4);
    let findings = observation.findings(&judgement);
    assert!(findings.iter().any(|f| f.kind == FindingKind::ChildGrowth && f.subject.contains('8')));
    assert!(findings[0].advice.contains("--level low"), "{findings:#?}");
    let trends = observation.trends();
    let table = trends.iter().find(|t| t.table == "processes").expect("a table");
    assert_eq!((table.rows.len(), table.unchanged), (1, 1), "{table:#?}");
}

/// Shared memory that nobody maps is in no RSS, and still a leak.
#[test]
fn segments_left_behind_are_a_leak() {
    let observation = watch(|t| vec![processes(&[(7, 20 * MIB, 0, 1)]), shared((t * 40.0) as u64)]);
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(true), "{:#?}", judgement.verdict);
    let findings = observation.findings(&judgement);
    assert_eq!(findings[0].kind, FindingKind::MappingGrowth);
    assert!(findings[0].subject.contains("/dev/shm/psm_*"), "{findings:#?}");
    assert!(findings[0].place.as_deref().is_some_and(|p| p.starts_with("/dev/shm/psm_")));
    assert_eq!(findings[0].certainty, Certainty::Likely);
}

/// File pages are a leak only if the mapped address space grows with them.
#[test]
fn mapped_files_that_are_kept_are_a_leak_and_a_file_that_is_read_is_not() {
    let file = |t: f64| (t * 4e6) as u64;
    let kept = watch(|t| {
        vec![
            processes(&[(7, 20 * MIB, file(t), 1)]),
            mappings(&[(7, "file", "/data/blob.bin", file(t))]),
        ]
    });
    let judgement = kept.judge();
    assert_eq!(judgement.verdict.leak, Some(true));
    assert!(judgement.verdict.reason.starts_with("Memory of mapped files grows by 3.81 MiB/s"));
    let findings = kept.findings(&judgement);
    assert_eq!(findings[0].subject, "mapped file /data/blob.bin");

    let read = watch(|t| {
        let mut table = mappings(&[(7, "file", "/data/blob.bin", file(t))]);
        table.columns[3] = Column::level("size", Unit::Bytes, [Some(500 * MIB)]);
        vec![processes(&[(7, 20 * MIB, file(t), 1)]), table]
    });
    assert_eq!(read.judge().verdict.leak, Some(false));
}

#[test]
fn threads_and_handles_that_only_increase_are_named() {
    let observation = watch(|t| {
        let count = 3 + t as u64;
        vec![
            processes(&[(7, 20 * MIB, 0, count)]),
            handles(10 + 2 * t as u64),
            mappings(&[(7, "heap", "[heap]", MIB)]),
        ]
    });
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(false), "memory decides the verdict");
    let findings = observation.findings(&judgement);
    let kinds: Vec<FindingKind> = findings.iter().map(|f| f.kind).collect();
    assert!(kinds.contains(&FindingKind::HandleGrowth), "{findings:#?}");
    assert!(findings.iter().all(|f| f.certainty == Certainty::Possible));
    let handle = findings.iter().find(|f| f.kind == FindingKind::HandleGrowth).expect("one");
    assert_eq!(handle.place.as_deref(), Some("socket:[4711]"));
}

/// In a program that leaks they stand behind the first finding, before where memory lies.
#[test]
fn threads_and_handles_come_before_plain_memory() {
    let observation = watch(|t| {
        let count = 3 + 2 * t as u64;
        let grown = (1e6 * t) as u64;
        vec![
            processes(&[(7, 20 * MIB + grown, 0, count)]),
            mappings(&[
                (7, "heap", "[heap]", MIB + grown / 2),
                (7, "anonymous", "", MIB + grown / 2),
            ]),
        ]
    });
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(true), "{:?}", judgement.verdict);
    let findings = observation.findings(&judgement);
    let kinds: Vec<FindingKind> = findings.iter().map(|f| f.kind).collect();
    let expected =
        [FindingKind::MappingGrowth, FindingKind::ThreadGrowth, FindingKind::MappingGrowth];
    assert_eq!(kinds, expected, "{findings:#?}");
}

#[test]
fn events_give_bytes_per_event() {
    let mut observation = Observation::new(Settings::default());
    for i in 0..120_u32 {
        let seconds = f64::from(i) / 4.0;
        observation.push(snapshot(7, seconds, vec![processes(&[(7, grown(seconds, 1e6), 0, 1)])]));
        let ns = (seconds * 1e9) as u64 + 5_000_000_000;
        observation.event(ns, u64::from(i) * 50);
    }
    let verdict = observation.judge().verdict;
    let per_event = verdict.severity.bytes_per_event.expect("events were counted");
    assert!((per_event - 5000.0).abs() < 50.0, "{per_event}");
    assert!(verdict.reason.contains("4.88 KiB per event"), "{}", verdict.reason);
}

/// A target that ended leaves what was seen of it.
#[test]
fn a_target_that_ends_stops_the_series() {
    let observation = watch(|t| {
        let mut table = processes(&[(7, grown(t, 1e6), 0, 1)]);
        if t > 20.0 {
            // A zombie has no memory any more.
            table.columns.truncate(3);
        }
        vec![table]
    });
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(true));
    assert!(judgement.series.last().is_some_and(|p| p.0 <= 20.0));
}

#[test]
fn nothing_and_too_little_are_undecided() {
    let observation = Observation::new(Settings::default());
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, None);
    assert_eq!(judgement.verdict.reason, "No figure of memory has been read yet");
    assert!(observation.findings(&judgement).is_empty() && observation.trends().is_empty());

    let short: Vec<(f64, f64)> =
        (0..16).map(|i| (f64::from(i) / 4.0, f64::from(i) * 1e6)).collect();
    let judgement = judge_series(&short);
    assert_eq!(judgement.verdict.leak, None);
    assert_eq!(judgement.watch_more_s, Some(7.0));
    assert_eq!(judgement.verdict.reason, "Undecided: 3.8 s is too short a watch; watch 7 s more");
}

/// Values that make no sense are survived.
#[test]
fn hostile_figures_do_no_harm() {
    let mut observation = Observation::new(Settings::default());
    for i in (0..50_u32).rev() {
        let rows = [(7, u64::MAX, u64::MAX, u64::MAX), (7, 0, 0, 0)];
        observation.push(snapshot(
            7,
            f64::from(i),
            vec![processes(&rows), Table::new("mappings", vec![])],
        ));
        observation.event(0, u64::MAX);
    }
    let judgement = observation.judge();
    let _ = (observation.findings(&judgement), observation.trends());
    let wild = [(0.0, f64::NAN), (f64::INFINITY, 1.0), (1.0, 1e308), (2.0, -1e308), (1.5, 3.0)];
    assert!(judge_series(&wild).verdict.severity.bytes_per_s.is_finite());
}

fn runs(rates: &[f64]) -> Vec<Judgement> {
    let series = |rate: f64| -> Vec<(f64, f64)> {
        (0..120).map(|i| (f64::from(i) / 4.0, 3e7 + rate * f64::from(i) / 4.0)).collect()
    };
    rates.iter().map(|&rate| judge_series(&series(rate))).collect()
}

#[test]
fn runs_are_combined() {
    let all = combine(&runs(&[1e6, 1.1e6, 0.9e6]));
    assert_eq!(all.verdict.leak, Some(true));
    assert_eq!((all.verdict.repeatability.runs, all.verdict.repeatability.leaking_runs), (3, 3));
    assert!(all.verdict.repeatability.spread.is_some_and(|s| (s - 0.1).abs() < 0.01));
    assert_eq!(all.verdict.reason, "Memory grows in 3 of 3 runs, by 879 KiB/s to 1.05 MiB/s");
    assert!(all.sure);
    assert_eq!(combine(&runs(&[0.0, 0.0, 0.0])).verdict.leak, Some(false));
    let split = combine(&runs(&[1e6, 0.0, 0.0]));
    assert_eq!(split.verdict.leak, None);
    assert!(split.verdict.reason.starts_with("Undecided: memory grows in 1 of 3 runs"));
    assert_eq!(combine(&[]).verdict.leak, None);
}

proptest::proptest! {
    /// Whatever the series, there is an answer with figures that are numbers.
    #[test]
    fn any_series_is_judged(
        values in proptest::collection::vec(proptest::num::f64::ANY, 0..200),
        steps in proptest::collection::vec(0.0..10.0_f64, 200),
    ) {
        let mut at = 0.0;
        let points: Vec<(f64, f64)> = values
            .iter()
            .zip(steps)
            .map(|(&value, step)| { at += step; (at, value) })
            .collect();
        let judgement = judge_series(&points);
        proptest::prop_assert!(judgement.verdict.severity.bytes_per_s.is_finite());
        proptest::prop_assert!((0.0..=1.0).contains(&judgement.verdict.confidence));
        proptest::prop_assert!(!judgement.verdict.reason.is_empty());
        let _ = combine(&[judgement.clone(), judgement]);
    }
}

/// One main arena and two of threads, with so much free in it and in both.
fn arenas(used: u64, main_free: u64, thread_free: u64) -> Table {
    let bytes = |name, values: [u64; 3]| Column::level(name, Unit::Bytes, values.map(Some));
    let attribute = |name: &str, value| {
        Column::new(name, Unit::Bytes, Role::Attribute, Values::U64(vec![value; 3]))
    };
    Table::new(
        "malloc_arenas",
        vec![
            Column::id_key("pid", [7, 7, 7]),
            attribute("arena", Some(0)),
            Column::text_key("kind", ["main", "thread", "thread"]),
            bytes("bytes_used", [used, used, used]),
            bytes("bytes_free", [main_free / 2, thread_free / 2, thread_free / 2]),
            bytes("bytes_fast", [0, 0, 0]),
            bytes("bytes_cached", [0, 0, 0]),
            bytes("bytes_top", [main_free / 2, 0, 0]),
            bytes("trim_top", [main_free / 2, 0, 0]),
            bytes("trim_inside", [0, thread_free / 4, thread_free / 4]),
            attribute("largest", Some(thread_free)),
        ],
    )
}

/// Memory that glibc keeps is named with what each way out would give; memory in use is not.
#[test]
fn what_glibc_keeps_is_named() {
    let watch = |free: bool| {
        let mut observation = Observation::default();
        for n in 0..60_u64 {
            let more = n * MIB;
            let (used, kept) = if free { (0, more) } else { (more, 0) };
            let tables = vec![
                processes(&[(7, 100 * MIB + 2 * more, 0, 1)]),
                arenas(used, MIB + kept, MIB + kept),
            ];
            observation.push(snapshot(7, n as f64, tables));
        }
        let findings = observation.findings(&observation.judge());
        let held = |f: &&probe::Finding| f.kind == FindingKind::AllocatorHeld;
        findings.iter().find(held).cloned()
    };
    assert_eq!(watch(false), None);
    let found = watch(true).unwrap();
    assert!(found.subject.contains("glibc"), "{found:?}");
    assert_eq!(found.growth.bytes, Some(118.0 * MIB as f64));
    let told = found.evidence.join("; ");
    for part in [
        "malloc_trim(0) would give back 60 MiB",
        "2 arenas of threads hold 60 MiB",
        "save up to 30 MiB",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert!(found.advice.contains("MALLOC_ARENA_MAX"), "{}", found.advice);
}

/// Beside a copy the private memory of a process is measured on: its shares of pages are not, and
/// the copy is nobody.
#[test]
fn beside_a_copy_only_whole_pages_count() {
    let mut observation = Observation::new(Settings::default());
    for i in 0..120 {
        let seconds = f64::from(i) / 4.0;
        let anon = grown(seconds, 1e6);
        let beside = i % 40 > 5;
        let (shares, copy) = if beside { (anon / 2, Some(anon)) } else { (anon, None) };
        let rows: Vec<_> = [(7, anon)].into_iter().chain(copy.map(|bytes| (8, bytes))).collect();
        let mut table =
            processes(&rows.iter().map(|&(pid, bytes)| (pid, bytes, 0, 1)).collect::<Vec<_>>());
        let shared = table.columns.iter_mut().find(|c| c.name == "pss_anon").unwrap();
        shared.values = Values::U64(rows.iter().map(|_| Some(shares)).collect());
        let mut look = snapshot(7, seconds, vec![table]);
        look.beside_copy = beside;
        observation.push(look);
    }
    let judgement = observation.judge();
    assert_eq!(judgement.verdict.leak, Some(true), "{judgement:#?}");
    assert_eq!(observation.processes(), 1);
    assert!((judgement.verdict.severity.bytes_per_s - 1e6).abs() < 2e4, "{judgement:#?}");
    assert!(judgement.series.len() > 100, "the curve has no holes");
}

/// A hash table beside what it points to: the strings grow evenly, the table doubles. That is growth
/// although hardly two windows are alike; with as many jumps and nothing between them it is none.
#[test]
fn a_table_that_doubles_hides_no_steady_growth() {
    let doubling = |per_s: f64| -> Vec<(f64, f64)> {
        let look = |i: u32| {
            let seconds = f64::from(i) / 4.0;
            let jumps = [(2.0, 256.0), (9.0, 512.0), (24.0, 1024.0)];
            let table: f64 = jumps.iter().filter(|jump| jump.0 <= seconds).map(|jump| jump.1).sum();
            (seconds, 7e6 + 1024.0 * table + per_s * seconds)
        };
        (0..100).map(look).collect()
    };
    let growing = judge_series(&doubling(60e3)).verdict;
    assert_eq!(growing.leak, Some(true), "{}", growing.reason);
    let level = judge_series(&doubling(0.0)).verdict;
    assert_ne!(level.leak, Some(true), "{}", level.reason);
}
