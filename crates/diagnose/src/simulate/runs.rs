//! Runs of the same program, again and again, with and without a leak: what comparisons are
//! measured on.

use diff::stats::Point;

use super::{KIB, LOOKS_PER_S, MIB, PAGE, Random, add, ending, lasting, quantised, teeth};

/// What a program does beside leaking.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Habit {
    /// Nothing.
    Quiet,
    /// Noise that lasts, as of a service.
    Service { sigma: f64, constant: f64 },
    /// Garbage that is collected now and then.
    Teeth { period: f64, height: f64 },
    /// It grows at first.
    WarmUp { height: f64, constant: f64 },
    /// It takes memory in blocks of a MiB.
    Steps,
}

/// The kinds of programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing but what it leaks.
    Quiet,
    /// With the noise of a service, up to a MiB from lowest to highest.
    Service,
    /// Under saw-teeth of garbage.
    Teeth,
    /// After a warm-up.
    WarmUp,
    /// In steps of a MiB.
    Steps,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Quiet, Self::Service, Self::Teeth, Self::WarmUp, Self::Steps];

    /// What it is, in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Service => "noise of a service",
            Self::Teeth => "gc saw-teeth",
            Self::WarmUp => "warm-up",
            Self::Steps => "steps of 1 MiB",
        }
    }
}

/// One program. Its habits are the same in every run; when they happen is not.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    habit: Habit,
    /// Bytes of an idle run.
    base: f64,
    /// By how much the pace of runs differs: standard deviation by mean.
    pace: f64,
    /// Programs do not share their noise.
    salt: u64,
}

impl Program {
    /// A program of a kind; each seed is another one.
    #[must_use]
    pub fn new(kind: Kind, seed: u64, seconds: f64) -> Self {
        let mut random = Random::new((seed << 3 | kind as u64) ^ 0x0070_726f_6772_616d);
        let habit = match kind {
            Kind::Quiet => Habit::Quiet,
            Kind::Service => Habit::Service {
                sigma: random.scale(20e3, 200e3),
                constant: random.scale(0.3, 3.0),
            },
            Kind::Teeth => Habit::Teeth {
                period: random.scale(0.6, seconds / 8.0),
                height: random.scale(0.5 * MIB, 10.0 * MIB),
            },
            Kind::WarmUp => Habit::WarmUp {
                height: random.scale(MIB, 50.0 * MIB),
                constant: random.scale(0.3, seconds / 10.0),
            },
            Kind::Steps => Habit::Steps,
        };
        let base = random.scale(10.0 * MIB, 400.0 * MIB);
        Self { habit, base, pace: random.between(0.01, 0.1), salt: random.bits() }
    }

    /// One run that leaks so many bytes per second.
    #[must_use]
    pub fn run(&self, seed: u64, seconds: f64, leak: f64) -> Vec<Point> {
        let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ self.salt);
        let looks = (seconds * LOOKS_PER_S) as usize;
        let times: Vec<f64> =
            (0..=looks).map(|i| i as f64 / LOOKS_PER_S + random.between(0.0, 0.05)).collect();
        let pace = (1.0 + self.pace * random.normal()).max(0.2);
        let leaked: Vec<f64> = times.iter().map(|t| t * leak * pace).collect();
        let random = &mut random;
        let values = match self.habit {
            Habit::Quiet => leaked,
            Habit::Service { sigma, constant } => {
                add(leaked, &lasting(random, &times, sigma, constant))
            }
            Habit::Teeth { period, height } => add(leaked, &teeth(random, &times, period, height)),
            Habit::WarmUp { height, constant } => {
                let noise = lasting(random, &times, 50.0 * KIB, 1.0);
                add(add(leaked, &ending(&times, height, constant / pace)), &noise)
            }
            Habit::Steps => {
                let phase = random.between(0.0, MIB);
                quantised(&leaked.iter().map(|v| v + phase).collect::<Vec<_>>(), MIB)
            }
        };
        let pages = |v: f64| ((self.base + v).max(MIB) / PAGE).round() * PAGE;
        times.iter().zip(values).map(|(&t, v)| (t, pages(v))).collect()
    }
}
