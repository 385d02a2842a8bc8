//! Who may look at whom: users, capabilities, Yama, namespaces, `/proc`.
//!
//! The rules are those of `ptrace(2)`, "Ptrace access mode checking", and of Yama
//! (`Documentation/admin-guide/LSM/Yama.rst`). A setting that is no obstacle here is `ok` whatever
//! its value: what counts is whether memory could be read.

use super::Check;
use crate::freeze::checks;
use crate::memory::access::{AS_ROOT, Facts, gather};
use crate::procfs::{ProcessDir, host};

/// Everything that decides, strongest first.
pub(super) fn checks(process: &ProcessDir, readable: bool) -> Vec<Check> {
    let facts = gather(process);
    let mut list = vec![user(&facts, readable), yama(&facts, readable)];
    list.extend([dumpable(&facts, readable), tracer(process)]);
    list.extend([namespaces(process, readable), hidepid()]);
    list
}

fn user(facts: &Facts, readable: bool) -> Check {
    const WHAT: &str = "user";
    let own = facts.own_uid;
    let right = if facts.capable { "with" } else { "without" };
    let Some(uid) = facts.uid else {
        return Check::limited(WHAT, format!("the process does not tell its user; this is {own}"));
    };
    let mut why = format!("the process belongs to user {uid}, this program runs as {own}");
    if uid == own && !facts.capable {
        return Check::ok(WHAT, why);
    }
    why.push_str(&format!(" {right} CAP_SYS_PTRACE"));
    if facts.capable || readable {
        return Check::ok(WHAT, why);
    }
    Check::no(WHAT, why).with_change(AS_ROOT)
}

fn yama(facts: &Facts, readable: bool) -> Check {
    const WHAT: &str = "yama";
    let Some(scope) = facts.scope else {
        return Check::ok(WHAT, "this kernel has no kernel.yama.ptrace_scope");
    };
    let meaning = match scope {
        0 => "processes of the same user may be read",
        1 => "only descendants may be read",
        2 => "only administrators may read",
        _ => "nobody may read, until the next boot",
    };
    let why = format!("kernel.yama.ptrace_scope is {scope}: {meaning}");
    if scope == 0 || readable || (facts.capable && scope < 3) {
        return Check::ok(WHAT, why);
    }
    let change = match scope {
        1 => {
            "start the program with this one (`memprobe ... -- COMMAND`), run as root or with \
             CAP_SYS_PTRACE, or set kernel.yama.ptrace_scope to 0"
        }
        2 => AS_ROOT,
        _ => "set kernel.yama.ptrace_scope to a lower value and boot again",
    };
    Check::no(WHAT, why).with_change(change)
}

fn dumpable(facts: &Facts, readable: bool) -> Check {
    const WHAT: &str = "dumpable";
    if facts.dumpable {
        return Check::ok(WHAT, "its files in /proc belong to its own user");
    }
    let why = "the process is not dumpable: it changed its user, has file capabilities, or called \
               prctl(PR_SET_DUMPABLE)";
    if readable || facts.capable {
        return Check::ok(WHAT, why);
    }
    Check::no(WHAT, why).with_change(AS_ROOT)
}

fn tracer(process: &ProcessDir) -> Check {
    const WHAT: &str = "tracer";
    match checks::already_traced(process) {
        None => Check::ok(WHAT, "nobody traces the process"),
        Some(error) => Check::limited(WHAT, format!("{error}: it can be read, but not frozen"))
            .with_change(error.hint().unwrap_or_default()),
    }
}

/// Whether the process lives in other namespaces than this program.
fn namespaces(process: &ProcessDir, readable: bool) -> Check {
    const WHAT: &str = "namespaces";
    let own = |name: &str| std::fs::read_link(format!("/proc/self/ns/{name}")).ok();
    let mut other = Vec::new();
    for (name, words) in [("user", "user"), ("pid", "PID"), ("mnt", "mount")] {
        let Ok(theirs) = process.link(&format!("ns/{name}")) else {
            let why = "the namespaces of the process may not be read";
            return Check::limited(WHAT, why);
        };
        if own(name).is_some_and(|own| own.to_string_lossy() != theirs) {
            other.push(words);
        }
    }
    if other.is_empty() {
        return Check::ok(WHAT, "the same as those of this program");
    }
    let status = process.read("status").unwrap_or_default();
    let numbers = checks::field(&status, "NSpid").unwrap_or_default();
    let inside = match numbers.split_whitespace().collect::<Vec<_>>()[..] {
        [_, .., inner] => format!(", where its PID is {inner}"),
        _ => String::new(),
    };
    let why = format!("the process is in another {} namespace{inside}", other.join(", "));
    if readable {
        return Check::ok(WHAT, format!("{why}; its files are read through /proc/PID/root"));
    }
    Check::limited(WHAT, why).with_change(
        "run it outside of the container, as root of the machine, or in the same container as the \
         process with `--cap-add=SYS_PTRACE`",
    )
}

fn hidepid() -> Check {
    const WHAT: &str = "hidepid";
    if host::hides_processes() {
        let why = "/proc is mounted with hidepid: children of other users are not seen";
        return Check::limited(WHAT, why)
            .with_change("run as root, or mount /proc without hidepid");
    }
    Check::ok(WHAT, "/proc shows the processes of all users")
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    /// An obstacle is named with what to change; the same setting is none where reading works.
    #[test]
    fn obstacles_are_named() {
        let same = Facts { own_uid: 5, uid: Some(5), dumpable: true, ..Facts::default() };
        let other = Facts { uid: Some(7), ..same };
        assert_eq!(user(&same, false).state, State::Ok);
        let refused = user(&other, false);
        assert_eq!(refused.state, State::No);
        assert!(refused.why.contains("user 7") && refused.why.contains("without CAP_SYS_PTRACE"));
        assert!(refused.change.unwrap().contains("CAP_SYS_PTRACE"));
        assert_eq!(user(&other, true).state, State::Ok);
        assert_eq!(user(&Facts { capable: true, ..other }, false).state, State::Ok);
        assert_eq!(yama(&same, false).state, State::Ok);
        for (scope, words) in [(1, "COMMAND"), (2, "as root"), (3, "boot again")] {
            let check = yama(&Facts { scope: Some(scope), ..same }, false);
            assert_eq!(check.state, State::No, "{scope}");
            assert!(check.change.unwrap().contains(words), "{scope}");
            assert_eq!(yama(&Facts { scope: Some(scope), ..same }, true).state, State::Ok);
        }
        let capable = Facts { capable: true, scope: Some(2), ..same };
        assert_eq!(yama(&capable, false).state, State::Ok);
        assert_eq!(yama(&Facts { scope: Some(3), ..capable }, false).state, State::No);
        let hidden = Facts { dumpable: false, ..same };
        assert_eq!(dumpable(&hidden, false).state, State::No);
        assert_eq!(dumpable(&hidden, false).change.as_deref(), Some(AS_ROOT));
        assert_eq!(dumpable(&hidden, true).change, None);
    }
}
