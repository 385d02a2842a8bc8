//! The direction of dependencies: `ARCHITECTURE.md`, checked.

use super::{Graph, Problem};

/// Who must never reach whom, directly or through others. A name may end in `*`.
struct Rule {
    from: &'static [&'static str],
    never: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        from: &["probe", "diff", "diagnose", "heap", "report"],
        never: &["target", "probe-*", "plugin", "plugin-*", "memprobe", "sysinfo", "libloading"],
        why: "what works on tables knows nothing of processes, probes or plugins",
    },
    Rule {
        from: &["probe"],
        never: &["clap", "rustix", "libc", "toml", "tracing", "tracing-subscriber"],
        why: "every author of a probe compiles this crate: it stays light and does no I/O",
    },
    Rule {
        from: &["target"],
        never: &["probe-*", "diff", "diagnose", "report", "capture", "plugin", "plugin-*", "clap"],
        why: "reading another process knows nothing of what is done with it",
    },
    Rule {
        from: &["glibc-heap"],
        never: &["probe-*", "diff", "diagnose", "report", "capture", "plugin", "plugin-*", "clap"],
        why: "what is shared by probes knows none of them",
    },
    Rule {
        from: &["experiment"],
        never: &["probe-*", "report", "capture", "plugin", "plugin-*", "memprobe", "clap"],
        why: "an experiment is told where to write, and measured by whoever can",
    },
    Rule {
        from: &["probe-*"],
        never: &["probe-*", "diff", "diagnose", "report", "plugin", "plugin-*"],
        why: "a probe knows no report, no plugin mechanism and no other probe",
    },
    Rule {
        from: &["probe-process", "probe-alloc"],
        never: &["capture", "parquet"],
        why: "a probe whose tables are short hands them over and writes no files",
    },
    Rule {
        from: &["probe-*"],
        never: &["memprobe", "clap", "libloading"],
        why: "a probe can be embedded in any program",
    },
    Rule {
        from: &["plugin"],
        never: &["target", "probe-*", "diff", "diagnose", "report", "capture", "plugin-*"],
        why: "authors of plugins link this crate: the ABI and nothing else",
    },
    Rule { from: &["plugin"], never: &["clap", "libloading"], why: "a plugin loads nothing" },
    Rule {
        from: &["plugin-process"],
        never: &["probe-python", "probe-alloc", "plugin-host", "report", "diagnose", "diff"],
        why: "a plugin is one probe and its export line",
    },
    Rule {
        from: &["plugin-python"],
        never: &["probe-process", "probe-alloc", "plugin-host", "report", "diagnose", "diff"],
        why: "a plugin is one probe and its export line",
    },
    Rule {
        from: &["plugin-alloc"],
        never: &["probe-process", "probe-python", "plugin-host", "report", "diagnose", "diff"],
        why: "a plugin is one probe and its export line",
    },
    Rule {
        from: &["plugin-host"],
        never: &["probe-*", "plugin-process", "plugin-python", "plugin-alloc", "diagnose"],
        why: "the host learns at run time what a plugin is",
    },
    Rule {
        from: &["plugin-host"],
        never: &["diff", "report", "capture", "memprobe", "clap"],
        why: "the host only loads and calls",
    },
    Rule {
        from: &["capture"],
        never: &["target", "probe-*", "plugin", "plugin-*", "report", "memprobe", "clap"],
        why: "what is on disk is read without any process or plugin",
    },
    Rule {
        from: &["memprobe"],
        never: &["probe-*", "plugin-process", "plugin-python", "plugin-alloc", "plugin-mis*"],
        why: "without the feature `bundled` the program links no probe",
    },
    Rule {
        from: &["embed-one-probe"],
        never: &["libloading", "clap", "parquet", "arrow*", "plugin", "plugin-*", "report"],
        why: "who embeds a probe gets the probe and nothing of the tool",
    },
    Rule {
        from: &["probe*", "target", "diff", "diagnose", "heap", "report", "capture", "plugin*"],
        never: &["test-support", "xtask"],
        why: "what tests and chores need is not shipped",
    },
    Rule {
        from: &["memprobe", "embed-one-probe"],
        never: &["test-support", "xtask", "cbindgen"],
        why: "what tests and chores need is not shipped",
    },
];

/// What a crate may have only behind a feature, so that who embeds it can do without.
const OPTIONAL: &[(&str, &str, &str)] = &[(
    "probe-python",
    "capture",
    "tens of millions of objects and references go into files and not into a document, but who \
     embeds the probe for its short tables gets no Parquet: make it `optional`",
)];

/// Compares the graph with the rules.
pub(crate) fn check(graph: &Graph) -> Vec<Problem> {
    let mut problems = needless(graph);
    for rule in RULES {
        let bound = graph.members.iter().filter(|member| is_any(&member.name, rule.from));
        for member in bound {
            for (reached, way) in graph.ways(&member.name) {
                if is_any(reached, rule.never) {
                    let message = format!("{}: {}", way.join(" -> "), rule.why);
                    problems.push(Problem::new("dependencies", &member.manifest, message));
                }
            }
        }
    }
    problems
}

fn needless(graph: &Graph) -> Vec<Problem> {
    let mut problems = Vec::new();
    for member in &graph.members {
        let bound = OPTIONAL
            .iter()
            .filter(|(from, to, _)| member.name == *from && member.required.contains(*to));
        problems.extend(bound.map(|(from, to, why)| {
            Problem::new("dependencies", &member.manifest, format!("{from} -> {to}: {why}"))
        }));
    }
    problems
}

fn is_any(name: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    })
}
