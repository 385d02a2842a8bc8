//! Noisy series of which the truth is known: what the rules are calibrated on.
//!
//! Every series is made from a seed, so a table of rates is the same on every machine. The
//! classes are described in `docs/verdict.md`.

pub mod histories;
mod random;
mod rows;
pub mod runs;

use diff::stats::Point;
pub use random::Random;

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;
const PAGE: f64 = 4096.0;
/// Looks per second, as the `memory` question of the high preset.
const LOOKS_PER_S: f64 = 4.0;

/// What a series really is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Truth {
    /// No leak.
    Sound,
    /// A leak.
    Leak,
    /// No leak, but watching this long cannot tell: only its end or its period would.
    Hidden,
}

/// A class of series.
#[derive(Clone, Copy)]
pub struct Class {
    /// What it is, in words.
    pub name: &'static str,
    /// What it really is.
    pub truth: Truth,
    make: fn(&mut Random, &[f64]) -> Vec<f64>,
}

impl std::fmt::Debug for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:?})", self.name, self.truth)
    }
}

impl Class {
    /// A series of this class, watched for so many seconds.
    #[must_use]
    pub fn series(&self, seed: u64, seconds: f64) -> Vec<Point> {
        let (base, grown) = self.grown(seed, seconds);
        let pages = |v: f64| ((base + v).max(MIB) / PAGE).round() * PAGE;
        grown.into_iter().map(|(t, v)| (t, pages(v))).collect()
    }

    /// What a process has beside it, and the series by itself.
    fn grown(&self, seed: u64, seconds: f64) -> (f64, Vec<Point>) {
        // The name goes into the seed: classes do not share their noise.
        let salt = self.name.bytes().fold(0_u64, |h, b| h.wrapping_mul(31).wrapping_add(b.into()));
        let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ salt);
        let looks = (seconds * LOOKS_PER_S) as usize;
        let times: Vec<f64> =
            (0..=looks).map(|i| i as f64 / LOOKS_PER_S + random.between(0.0, 0.05)).collect();
        let base = random.scale(10.0 * MIB, 400.0 * MIB);
        let values = (self.make)(&mut random, &times);
        (base, times.into_iter().zip(values).collect())
    }
}

/// All classes.
pub const CLASSES: &[Class] = &[
    Class { name: "idle", truth: Truth::Sound, make: idle },
    Class { name: "white noise up to 1 MiB", truth: Truth::Sound, make: white },
    Class { name: "lasting noise of a service", truth: Truth::Sound, make: service },
    Class { name: "bounded random walk", truth: Truth::Sound, make: walk },
    Class { name: "gc saw-teeth, period up to watch / 2", truth: Truth::Sound, make: gc_teeth },
    Class { name: "warm-up, constant up to 1.5 x watch", truth: Truth::Sound, make: warm_up },
    Class { name: "warm-up in phases", truth: Truth::Sound, make: phases },
    Class { name: "page cache comes and goes", truth: Truth::Sound, make: page_cache },
    Class { name: "cache fills, then stays", truth: Truth::Sound, make: cache_fills },
    Class { name: "one to three jumps", truth: Truth::Sound, make: one_off },
    Class { name: "bursts, given back", truth: Truth::Sound, make: bursts },
    Class { name: "allocator steps up and down", truth: Truth::Sound, make: quantised_noise },
    Class { name: "saw-tooth longer than watch / 2", truth: Truth::Hidden, make: long_teeth },
    Class { name: "warm-up slower than 1.5 x watch", truth: Truth::Hidden, make: slow_warm_up },
    Class { name: "cache that is still filling", truth: Truth::Hidden, make: still_filling },
    Class { name: "1 page/s, quiet", truth: Truth::Leak, make: page_per_second },
    Class { name: "1 page/s, noise up to 1 MiB", truth: Truth::Leak, make: page_in_noise },
    Class { name: "20 kB/s, service noise", truth: Truth::Leak, make: |r, t| leak(r, t, 20e3) },
    Class { name: "100 kB/s, quiet", truth: Truth::Leak, make: |_, t| line(t, 100e3) },
    Class { name: "100 kB/s, service noise", truth: Truth::Leak, make: |r, t| leak(r, t, 100e3) },
    Class { name: "100 kB/s, white noise 1 MiB", truth: Truth::Leak, make: leak_in_white },
    Class { name: "100 kB/s, steps of 256 KiB", truth: Truth::Leak, make: small_steps },
    Class { name: "100 kB/s, steps of 1 MiB", truth: Truth::Leak, make: large_steps },
    Class { name: "100 kB/s under gc saw-teeth", truth: Truth::Leak, make: leak_in_teeth },
    Class { name: "100 kB/s after a warm-up", truth: Truth::Leak, make: leak_after_warm_up },
    Class { name: "100 kB/s under bursts", truth: Truth::Leak, make: leak_in_bursts },
    Class { name: "1 MB/s, service noise", truth: Truth::Leak, make: |r, t| leak(r, t, 1e6) },
    Class { name: "1 MB/s at an uneven pace", truth: Truth::Leak, make: uneven },
    Class { name: "10 MB/s, service noise", truth: Truth::Leak, make: |r, t| leak(r, t, 10e6) },
];

fn add(mut a: Vec<f64>, b: &[f64]) -> Vec<f64> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

fn line(times: &[f64], rate: f64) -> Vec<f64> {
    times.iter().map(|t| t * rate).collect()
}

fn span(times: &[f64]) -> f64 {
    times.last().copied().unwrap_or(1.0)
}

fn idle(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let mut level = 0.0;
    let mut touch = |_: &f64| {
        if random.chance(0.02) {
            level = random.between(0.0, 8.0) * PAGE;
        }
        level
    };
    times.iter().map(&mut touch).collect()
}

/// Even noise, up to 1 MiB from lowest to highest.
fn white(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let size = random.scale(16.0 * KIB, MIB);
    times.iter().map(|_| random.between(0.0, size)).collect()
}

/// Noise that forgets itself with a time constant (Ornstein-Uhlenbeck).
fn lasting(random: &mut Random, times: &[f64], sigma: f64, constant: f64) -> Vec<f64> {
    let mut value = random.normal() * sigma;
    let mut at = 0.0;
    let mut next = |&t: &f64| {
        let keep = (-(t - at) / constant).exp();
        value = value * keep + sigma * (1.0 - keep * keep).sqrt() * random.normal();
        at = t;
        value
    };
    times.iter().map(&mut next).collect()
}

fn service(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let sigma = random.scale(50.0 * KIB, 4.0 * MIB);
    let constant = random.scale(0.3, span(times) / 3.0);
    lasting(random, times, sigma, constant)
}

/// The noise upon which leaks are to be found: up to about 1 MiB from lowest to highest.
fn mild(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let (sigma, constant) = (random.scale(20e3, 200e3), random.scale(0.3, 3.0));
    let slow = lasting(random, times, sigma, constant);
    let size = random.scale(16.0 * KIB, 512.0 * KIB);
    slow.into_iter().map(|v| v + random.between(0.0, size)).collect()
}

fn walk(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let bound = random.scale(MIB, 20.0 * MIB);
    let step = bound * random.between(0.02, 0.15);
    let mut value = random.between(0.0, bound);
    let mut next = |_: &f64| {
        value = (value + step * random.normal()).abs();
        value = if value > bound { (2.0 * bound - value).max(0.0) } else { value };
        value
    };
    times.iter().map(&mut next).collect()
}

fn teeth(random: &mut Random, times: &[f64], period: f64, height: f64) -> Vec<f64> {
    let (jitter, uneven) = (random.between(0.0, 0.15), random.between(0.0, 0.1));
    let mut start = -random.between(0.0, 1.0) * period;
    let (mut length, mut base) = (period, 0.0);
    let mut next = |&t: &f64| {
        while t >= start + length {
            start += length;
            length = period * (1.0 + jitter * random.normal()).clamp(0.5, 1.5);
            base = height * uneven * random.normal().abs();
        }
        base + height * (t - start) / period
    };
    times.iter().map(&mut next).collect()
}

fn gc_teeth(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let period = random.scale(0.6, span(times) / 2.0);
    let height = random.scale(0.5 * MIB, 50.0 * MIB);
    let noise = white(random, times);
    add(teeth(random, times, period, height), &noise)
}

fn long_teeth(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let period = random.scale(span(times) / 2.0, 3.0 * span(times));
    let height = random.scale(0.5 * MIB, 50.0 * MIB);
    let noise = white(random, times);
    add(teeth(random, times, period, height), &noise)
}

fn ending(times: &[f64], height: f64, constant: f64) -> Vec<f64> {
    times.iter().map(|t| height * (1.0 - (-t / constant).exp())).collect()
}

fn warm_up(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let constant = span(times) * random.scale(0.03, 1.5);
    let height = random.scale(0.5 * MIB, 100.0 * MIB);
    add(mild(random, times), &ending(times, height, constant))
}

fn slow_warm_up(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let constant = span(times) * random.scale(1.5, 6.0);
    let height = random.scale(5.0 * MIB, 500.0 * MIB);
    add(mild(random, times), &ending(times, height, constant))
}

/// Up to four stretches of growth, each followed by a pause; over after 70 % of the watch.
fn phases(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let count = random.between(2.0, 5.0) as usize;
    let mut sum = mild(random, times);
    for _ in 0..count {
        let start = random.between(0.0, 0.5) * span(times);
        let length = random.between(0.02, 0.2) * span(times);
        let height = random.scale(0.5 * MIB, 30.0 * MIB);
        let part = |t: &f64| height * ((t - start) / length).clamp(0.0, 1.0);
        sum = add(sum, &times.iter().map(part).collect::<Vec<_>>());
    }
    sum
}

/// Pages are read in at random and reclaimed in one go.
fn page_cache(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let bound = random.scale(2.0 * MIB, 30.0 * MIB);
    let share = random.between(0.05, 0.3);
    // From full to full in at most half the watch.
    let often = random.between(4.0, 20.0) / (share * span(times) * LOOKS_PER_S);
    let mut level = random.between(0.0, bound);
    let mut next = |_: &f64| {
        if random.chance(often) {
            level += random.between(0.0, share) * bound;
        }
        if level > bound {
            level -= random.between(0.3, 0.9) * bound;
        }
        level
    };
    times.iter().map(&mut next).collect()
}

fn cache(random: &mut Random, times: &[f64], full: f64) -> Vec<f64> {
    let height = random.scale(MIB, 100.0 * MIB);
    let noise = mild(random, times);
    add(noise, &times.iter().map(|t| height * (t / full).min(1.0)).collect::<Vec<_>>())
}

fn cache_fills(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let full = random.between(0.05, 0.8) * span(times);
    cache(random, times, full)
}

fn still_filling(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let full = random.between(0.8, 3.0) * span(times);
    cache(random, times, full)
}

fn one_off(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let mut sum = if random.chance(0.5) { mild(random, times) } else { idle(random, times) };
    for _ in 0..random.between(1.0, 4.0) as usize {
        let (at, size) = (random.between(0.0, span(times)), random.scale(64.0 * KIB, 20.0 * MIB));
        sum.iter_mut().zip(times).filter(|(_, t)| **t >= at).for_each(|(v, _)| *v += size);
    }
    sum
}

fn burst(random: &mut Random, times: &[f64], size: f64) -> Vec<f64> {
    let often = random.scale(0.02, 0.3);
    let (mut until, mut level) = (0.0, 0.0);
    let mut next = |&t: &f64| {
        if t >= until {
            level = 0.0;
            if random.chance(often / LOOKS_PER_S) {
                level = random.between(0.2, 1.0) * size;
                until = t + random.between(0.3, 4.0);
            }
        }
        level
    };
    times.iter().map(&mut next).collect()
}

fn bursts(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let size = random.scale(MIB, 50.0 * MIB);
    add(mild(random, times), &burst(random, times, size))
}

fn quantised(values: &[f64], grain: f64) -> Vec<f64> {
    values.iter().map(|v| (v / grain).floor() * grain).collect()
}

fn quantised_noise(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let grain = if random.chance(0.5) { 256.0 * KIB } else { MIB };
    let sigma = grain * random.between(0.3, 2.0);
    let constant = random.scale(0.5, span(times) / 5.0);
    quantised(&lasting(random, times, sigma, constant), grain)
}

fn page_per_second(_: &mut Random, times: &[f64]) -> Vec<f64> {
    line(times, PAGE)
}

fn page_in_noise(random: &mut Random, times: &[f64]) -> Vec<f64> {
    add(mild(random, times), &line(times, PAGE))
}

fn leak(random: &mut Random, times: &[f64], rate: f64) -> Vec<f64> {
    add(mild(random, times), &line(times, rate))
}

fn leak_in_white(random: &mut Random, times: &[f64]) -> Vec<f64> {
    add(times.iter().map(|_| random.between(0.0, MIB)).collect(), &line(times, 100e3))
}

fn steps(random: &mut Random, times: &[f64], grain: f64) -> Vec<f64> {
    let phase = random.between(0.0, grain);
    quantised(&times.iter().map(|t| phase + t * 100e3).collect::<Vec<_>>(), grain)
}

fn small_steps(random: &mut Random, times: &[f64]) -> Vec<f64> {
    steps(random, times, 256.0 * KIB)
}

fn large_steps(random: &mut Random, times: &[f64]) -> Vec<f64> {
    steps(random, times, MIB)
}

fn leak_in_teeth(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let period = random.scale(0.6, span(times) / 8.0);
    let height = random.scale(0.5 * MIB, 4.0 * MIB);
    add(teeth(random, times, period, height), &line(times, 100e3))
}

fn leak_after_warm_up(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let constant = random.scale(0.3, span(times) / 10.0);
    let height = random.scale(MIB, 50.0 * MIB);
    add(leak(random, times, 100e3), &ending(times, height, constant))
}

fn leak_in_bursts(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let size = random.scale(MIB, 10.0 * MIB);
    add(leak(random, times, 100e3), &burst(random, times, size))
}

/// The pace of a program on a busy machine changes by a half.
fn uneven(random: &mut Random, times: &[f64]) -> Vec<f64> {
    let pace = lasting(random, times, 0.25, 3.0);
    let (mut at, mut sum) = (0.0, 0.0);
    let mut next = |(&t, p): (&f64, &f64)| {
        sum += (t - at) * 1e6 * (1.0 + p).clamp(0.3, 1.7);
        at = t;
        sum
    };
    times.iter().zip(&pace).map(&mut next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_series() {
        for class in CLASSES {
            let series = class.series(3, 10.0);
            assert_eq!(series, class.series(3, 10.0), "{class:?}");
            assert!(series.windows(2).all(|w| w[0].0 < w[1].0), "{class:?}");
            assert!(series.iter().all(|p| p.1 >= MIB && p.1 % PAGE == 0.0), "{class:?}");
        }
    }
}
