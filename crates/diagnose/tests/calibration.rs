//! The rates of false alarms and misses, on a small set with fixed seeds: the whole table is
//! printed by `cargo run --release -p memprobe-diagnose --example calibrate`.

use memprobe_diagnose::judge_series;
use memprobe_diagnose::simulate::{CLASSES, Class, Truth};

const SERIES: u64 = 40;

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
