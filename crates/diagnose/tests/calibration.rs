//! The rates of false alarms and misses, on a small set with fixed seeds: the whole table is
//! printed by `cargo run --release -p memprobe-diagnose --example calibrate`.

use memprobe_diagnose::simulate::{CLASSES, Class, Truth};
use memprobe_diagnose::{Observation, Settings, judge_series};

use probe::{Column, ProbeId, Snapshot, Table, Taken, Target, Unit, tables::processes};

const SERIES: u64 = 40;

/// A process that has so many bytes, and has waited so long for a core.
fn look(seconds: f64, bytes: f64, waited: Option<f64>) -> Snapshot {
    let ns = (seconds * 1e9) as u64;
    let taken = Taken { unix_ns: ns, monotonic_ns: ns };
    let mut snapshot = Snapshot::new(ProbeId::default(), Target::from_pid(7), taken);
    let waited = waited.map(|waited| (waited * 1e9) as u64);
    snapshot.tables = vec![Table::new(
        processes::TABLE,
        vec![
            Column::id_key(processes::PID, [7]),
            Column::level(processes::RSS_ANON, Unit::Bytes, [Some(bytes.max(0.0) as u64)]),
            Column::level(processes::RSS_SHMEM, Unit::Bytes, [Some(0)]),
            Column::counter(processes::CPU_WAITED, Unit::Ns, [waited]),
        ],
    )];
    snapshot
}

/// The verdict over a program on a machine that is more and less busy: while others run, its time
/// stands still. `tells`: whether it is known how long it has waited.
fn on_a_busy_machine(class: &Class, seed: u64, tells: bool) -> Option<bool> {
    let mut observation = Observation::new(Settings::default());
    let (mut wall, mut waited, mut before) = (0.0, 0.0, 0.0);
    for (index, &(own, bytes)) in class.series(seed, 30.0).iter().enumerate() {
        // One of four paces, for some seconds each.
        let turn = (index as u64 / 16 + seed) * 2_654_435_761 % 7;
        let waits = (own - before) * [0.0, 4.0, 0.5, 9.0, 1.0, 6.0, 2.0][turn as usize];
        wall += own - before + waits;
        waited += waits;
        before = own;
        observation.push(look(wall, bytes, tells.then_some(waited)));
    }
    observation.judge().verdict.leak
}

fn share(class: &Class, seconds: f64, leak: Option<bool>) -> f64 {
    let hit = |seed: &u64| judge_series(&class.series(*seed, seconds)).verdict.leak == leak;
    (0..SERIES).filter(hit).count() as f64 / SERIES as f64
}

fn class(name: &str) -> &'static Class {
    CLASSES.iter().find(|c| c.name == name).expect("a class of this name")
}

#[test]
fn fewer_than_one_false_alarm_in_a_hundred() {
    let sound: Vec<&Class> = CLASSES.iter().filter(|c| c.truth == Truth::Sound).collect();
    for seconds in [10.0, 30.0, 60.0] {
        let rates: Vec<f64> = sound.iter().map(|c| share(c, seconds, Some(true))).collect();
        let mean = rates.iter().sum::<f64>() / rates.len() as f64;
        assert!(mean < 0.01, "{mean} at {seconds} s: {rates:?}");
        let worst = rates.iter().copied().fold(0.0, f64::max);
        assert!(worst <= 0.05, "{worst} at {seconds} s: {rates:?}");
    }
}

#[test]
fn a_leak_of_100_kb_per_second_is_found_in_30_seconds() {
    for (name, least) in [
        ("100 kB/s, quiet", 1.0),
        ("100 kB/s, service noise", 0.95),
        ("100 kB/s, steps of 256 KiB", 1.0),
        ("1 MB/s, service noise", 1.0),
        ("10 MB/s, service noise", 1.0),
    ] {
        let found = share(class(name), 30.0, Some(true));
        assert!(found >= least, "{name}: {found}");
    }
    for class in CLASSES.iter().filter(|c| c.name.starts_with("100 kB/s")) {
        let denied = share(class, 30.0, Some(false));
        assert!(denied <= 0.05, "{}: called sound in {denied}", class.name);
    }
}

/// Time that a program did not have is not counted: what is a leak on a quiet machine is one on a
/// busy machine, and the rate of false alarms stays.
#[test]
fn a_busy_machine_changes_no_verdict() {
    let share = |class: &Class, tells: bool, leak: Option<bool>| {
        let hit = |seed: &u64| on_a_busy_machine(class, *seed, tells) == leak;
        (0..SERIES).filter(hit).count() as f64 / SERIES as f64
    };
    let (mut found, mut by_the_wall) = (Vec::new(), Vec::new());
    for name in ["100 kB/s, quiet", "100 kB/s, service noise", "1 MB/s, service noise"] {
        found.push(share(class(name), true, Some(true)));
        by_the_wall.push(share(class(name), false, Some(true)));
    }
    assert!(found.iter().all(|&share| share >= 0.9), "{found:?}");
    let worst = by_the_wall.into_iter().fold(1.0, f64::min);
    assert!(worst < 0.8, "the clock on the wall does as well: {worst}");
    let sound = CLASSES.iter().filter(|c| c.truth == Truth::Sound);
    let alarms: Vec<f64> = sound.map(|class| share(class, true, Some(true))).collect();
    let mean = alarms.iter().sum::<f64>() / alarms.len() as f64;
    assert!(mean < 0.01, "{mean}: {alarms:?}");
}

#[test]
fn a_page_per_second_is_found_where_it_is_quiet() {
    assert_eq!(share(class("1 page/s, quiet"), 60.0, Some(true)), 1.0);
}

#[test]
fn most_of_what_is_sound_is_called_sound_in_a_minute() {
    for (name, least) in [
        ("idle", 0.9),
        ("white noise up to 1 MiB", 0.95),
        ("gc saw-teeth, period up to watch / 2", 0.85),
        ("warm-up in phases", 0.85),
        ("bursts, given back", 0.9),
    ] {
        let sound = share(class(name), 60.0, Some(false));
        assert!(sound >= least, "{name}: {sound}");
    }
}

/// Whoever stops as soon as it is sure is not deceived by what is not growing all the time.
#[test]
fn stopping_early_raises_no_alarm() {
    for class in CLASSES.iter().filter(|c| c.truth == Truth::Sound) {
        // A cache that fills for most of a minute is a leak to whoever looks for half of it.
        if class.name == "cache fills, then stays" {
            continue;
        }
        let alarms = (0..10)
            .filter(|&seed| {
                let points = class.series(seed, 60.0);
                let sure = (20..60).map(|second| {
                    let seen = points.partition_point(|p| p.0 <= f64::from(second));
                    judge_series(&points[..seen])
                });
                let first = sure.into_iter().find(|j| j.sure);
                first.is_some_and(|j| j.verdict.leak == Some(true))
            })
            .count();
        assert_eq!(alarms, 0, "{class:?}");
    }
}

/// Rows of tables that do not leak are seldom named as more than a possibility, and rows that do
/// are found: the whole table is printed by the example `rules`.
#[test]
fn rules_that_read_tables_are_seldom_wrong() {
    use memprobe_diagnose::simulate::histories::{Answer, MORE, RULES, Watch};
    let classes = |truth| CLASSES.iter().chain(MORE).filter(move |class| class.truth == truth);
    for rule in RULES {
        let share = |class: &Class, beside: f64, least: Answer| {
            let watch = Watch { seconds: 30.0, looks: 5, beside };
            let hit = |seed: &u64| rule.answer(class, *seed, watch) >= least;
            (0..6).filter(hit).count() as f64 / 6.0
        };
        for beside in [0.0, 1e6] {
            let alarms: Vec<f64> =
                classes(Truth::Sound).map(|class| share(class, beside, Answer::Sure)).collect();
            let mean = alarms.iter().sum::<f64>() / alarms.len() as f64;
            assert!(mean <= 0.04, "{rule:?}: {mean} beside {beside}: {alarms:?}");
        }
        for class in classes(Truth::Leak).filter(|class| class.name.starts_with("1 MB/s")) {
            let named = share(class, 0.0, Answer::Possible);
            assert!(named >= 0.8, "{rule:?}, {}: {named}", class.name);
        }
    }
}
