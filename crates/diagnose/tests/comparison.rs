//! How often comparisons are wrong, on a small set with fixed seeds: the whole table is printed by
//! `cargo run --release -p memprobe-diagnose --example compare`.

use memprobe_diagnose::comparison::{Effect, RunFigures};
use memprobe_diagnose::simulate::runs::{Kind, Program};
use memprobe_diagnose::{compare_runs, judge_series};

const COMPARISONS: u64 = 40;
const RUNS: u64 = 3;
const SECONDS: f64 = 30.0;

/// The share of comparisons that say this.
fn share(kind: Kind, a: f64, b: f64, effect: Effect) -> f64 {
    let says_so = |seed: &u64| {
        let program = Program::new(kind, 70_000 + seed, SECONDS);
        let side = |which: u64, leak: f64| -> Vec<RunFigures> {
            let seeds = (1..=RUNS).map(|run| (seed * 2 + which) * 1000 + run);
            let judge = |seed| judge_series(&program.run(seed, SECONDS, leak));
            seeds.filter_map(|seed| RunFigures::of_series(&judge(seed), false)).collect()
        };
        compare_runs(&side(0, a), &side(1, b)).effect == effect
    };
    (0..COMPARISONS).filter(says_so).count() as f64 / COMPARISONS as f64
}

#[test]
fn the_same_program_twice_is_hardly_ever_a_difference() {
    for leak in [0.0, 1e6] {
        let alarms: Vec<f64> =
            Kind::ALL.iter().map(|&kind| share(kind, leak, leak, Effect::Difference)).collect();
        let mean = alarms.iter().sum::<f64>() / alarms.len() as f64;
        assert!(mean <= 0.02, "{leak}: {alarms:?}");
    }
}

#[test]
fn a_fix_is_found_and_never_denied() {
    for kind in Kind::ALL {
        for (leak, fixed) in [(1e6, 0.0), (1e6, 5e5), (1e5, 0.0)] {
            let found = share(kind, leak, fixed, Effect::Difference);
            assert!(found >= 0.9, "{kind:?}, {leak} and {fixed}: {found}");
            assert_eq!(share(kind, leak, fixed, Effect::None), 0.0, "{kind:?}, {leak}, {fixed}");
        }
    }
}
