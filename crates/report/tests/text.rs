//! What the person on call reads, as it stands.

mod common;

use insta::assert_snapshot;
use memprobe_report::{DiffReport, Format, Report, Style};

fn text(report: &Report) -> String {
    rendered(|out| Format::Text.renderer(Style::default()).render(report, out))
}

fn diff(width: usize, diff: &DiffReport) -> String {
    let style = Style { width, ..Style::default() };
    rendered(|out| Format::Text.renderer(style).render_diff(diff, out))
}

fn trends(width: usize, trends: &[diff::TableTrend]) -> String {
    let style = Style { width, ..Style::default() };
    rendered(|out| Format::Text.renderer(style).render_trends(trends, out))
}

fn rendered(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).expect("memory takes everything");
    String::from_utf8(out).expect("text")
}

/// The answer comes first, then how bad, what grows, and what to do.
#[test]
fn a_linear_leak() {
    assert_snapshot!(text(&common::leak()), @r#"
    LEAK: memory grows by 1.2 MiB/s, steadily; it reaches its limit in 13 min
      resident memory rose in 239 of 239 looks after a warm-up of 4 s

    command     python3 /srv/app/main.py --workers 2
    process     PID 12345, Python 3.11.7, 3 processes with its children
    watched     60 s from 2026-11-22T10:00:00Z, level high, never paused

    how badly   1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run
    per event   +4.03 KiB
    how often   all the time
    repeats     yes: growth in all 5 runs or time windows, the rate varies by 4 %
    shape       linear: steady growth
    limit       1 GiB, reached in 13 min at this rate
    confidence  97 %
    memory      45 MiB ▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇████████ 117 MiB

    What grows
     1. [heap] of process 12345                                               likely, 93 % of the growth
      what      native memory that is in use and keeps increasing (native-growth)
      where     /usr/bin/python3.11
      growth    +66.7 MiB (+1.11 MiB/s)
      because   - the main heap went from 12 MiB to 78.7 MiB while all libraries together stayed within
                  40 KiB of where they were when the watching began
      do        Look at the Python objects next.

    Growing rows of all tables
      mappings (process)      measure    first      last     change   per second   share
        heap  [heap]          rss       12 MiB  78.7 MiB  +66.7 MiB  +1.11 MiB/s    93 %
        anonymous  anonymous  rss        9 MiB    14 MiB     +5 MiB  +85.3 KiB/s  6.97 %
                              mappings      30        35         +5    +0.0833/s   100 %
        rows not shown: 7 growing, 1 not growing, 41 unchanged
      processes (process)  measure   first      last     change  per second  share
        12345              rss      20 MiB  91.7 MiB  +71.7 MiB  +1.2 MiB/s  100 %
                           threads       1         4         +3     +0.05/s  100 %
        rows not shown: 1 not growing, 1 unchanged

    Not known at level high
      - Which Python objects grow, and who holds them.

    Run next
      memprobe --level medium --pid 12345
          which Python types grow, and who holds them
    "#);
}

/// A settled process is told in a few lines.
#[test]
fn no_leak() {
    assert_snapshot!(text(&common::no_leak()), @r#"
    NO LEAK: memory grew and has stopped growing
      memory grew by 2 MiB in the first 9 s and stayed there

    command     python3 /srv/app/main.py --workers 2
    process     PID 12345
    watched     60 s from 2026-11-22T10:00:00Z, level high, never paused

    growth      12 B/s (95 % interval -310 B/s to 400 B/s), +2 MiB over the run
    how often   never
    repeats     no: growth in none of 5 runs or time windows
    shape       plateau: growth that has ended
    confidence  99 %
    memory      40 MiB ▁▁▂▃▄▅▆▇████████████████████████████████████████████████████ 42 MiB

    Growing rows of all tables
      Nothing grows in 1 table.
    "#);
}

/// What cannot be told is said, with the way on; equal issues are counted.
#[test]
fn undecided() {
    assert_snapshot!(text(&common::undecided()), @r#"
    UNDECIDED: it cannot be told yet whether this is a leak
      the warm-up has not ended; watch 20 s more

    command     python3 /srv/app/main.py --workers 2
    process     PID 12345
    watched     5 s from 2026-11-22T10:00:00Z, level high, never paused

    growth      12 B/s (95 % interval -310 B/s to 400 B/s), +2 MiB over the run
    how often   never
    repeats     not known: it was watched for too short a time
    shape       irregular
    confidence  40 %
    memory      40 MiB ▁▂▄▅▇█ 41.1 MiB

    Issues
      error: probe `alloc` panicked
      warning: process: cannot read smaps (3 times); run as the same user, or as root
      note: the page cache was cold

    Run next
      memprobe --pid 12345 --for 30s
          long enough to decide
    "#);
}

/// The low points count.
#[test]
fn a_sawtooth() {
    assert_snapshot!(text(&common::sawtooth()), @r#"
    LEAK: memory grows by 1.2 MiB/s, and is only partly given back; it reaches its limit in 13 min
      the low points of 6 teeth rise by 1.2 MiB/s

    command     python3 /srv/app/main.py --workers 2
    process     PID 12345, Python 3.11.7, 3 processes with its children
    watched     60 s from 2026-11-22T10:00:00Z, level high, never paused

    how badly   1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run
    per event   +4.03 KiB
    how often   every 10 s: 6 increases seen
    repeats     in part: growth in 4 of 6 runs or time windows, the rate varies by 30 %
    shape       saw-tooth: growth that is given back again and again
    limit       1 GiB, reached in 13 min at this rate
    confidence  97 %
    memory      40 MiB ▁▁▁▂▂▃▃▃▄▄▁▂▂▃▃▃▄▄▅▅▂▃▃▃▄▄▅▅▆▆▃▃▄▄▅▅▆▆▆▇▄▄▅▅▆▆▆▇▇█▅▅▆▆▆▇▇███ 138 MiB

    What grows
      Nothing that was looked at explains the growth.
    "#);
}

/// Findings come in order with who holds them; what is left out is counted.
#[test]
fn findings_with_holders() {
    assert_snapshot!(text(&common::held()), @r#"
    LEAK: memory grows by 1.2 MiB/s, steadily; it reaches its limit in 13 min
      resident memory rose in 239 of 239 looks after a warm-up of 4 s

    command     python3 /srv/app/main.py --workers 2
    process     PID 12345, Python 3.11.7, 3 processes with its children
    watched     60 s from 2026-11-22T10:00:00Z, level medium, paused 3 times (fork), 30 ms in all, 12.5
                ms at most

    how badly   1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run
    per event   +4.03 KiB
    how often   all the time
    repeats     yes: growth in all 5 runs or time windows, the rate varies by 4 %
    shape       linear: steady growth
    limit       1 GiB, reached in 13 min at this rate
    confidence  97 %
    memory      45 MiB ▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇████████ 117 MiB

    What grows
     1. app.models.Session                                                    proved, 84 % of the growth
      what      Python objects that are in use and keep increasing (python-growth)
      where     app/models.py:41 in Session.load
      growth    +60 MiB (+1 MiB/s), +125 k objects (+2083/s)
      because   - sentence 0 with 3 figures
                - sentence 1 with 3 figures
                - sentence 2 with 3 figures
                - sentence 3 with 3 figures
                - sentence 4 with 3 figures
                - sentence 5 with 3 figures
                and 2 more, see --format json
      held by   - module app.cache → attribute CACHE_0 (dict) → value (list): 50 MiB, 100 k objects
                - module app.cache → attribute CACHE_1 (dict) → value (list): 49 MiB, 90000 objects
                - module app.cache → attribute CACHE_2 (dict) → value (list): 48 MiB, 80000 objects
                and in 2 more ways, see --format json
      do        Bound the dictionary CACHE_0 of app.cache, or drop entries that are done.
     2. [heap] of process 12345                                               likely, 93 % of the growth
      what      native memory that is in use and keeps increasing (native-growth)
      where     /usr/bin/python3.11
      growth    +66.7 MiB (+1.11 MiB/s)
      because   - the main heap went from 12 MiB to 78.7 MiB while all libraries together stayed within
                  40 KiB of where they were when the watching began
      do        Look at the Python objects next.
     3. sockets 0                                                                               possible
      what      open handles that are never closed (handle-growth)
      growth    +12 objects
     4. sockets 1                                                                               possible
      what      open handles that are never closed (handle-growth)
      growth    +12 objects
     5. sockets 2                                                                               possible
      what      open handles that are never closed (handle-growth)
      growth    +12 objects
     6. sockets 3                                                                  +12 objects, possible
     7. sockets 4                                                                  +12 objects, possible

    Not known at level medium
      - Which Python objects grow, and who holds them.

    Run next
      memprobe --level medium --pid 12345
          which Python types grow, and who holds them
    "#);
}

/// Nothing that a stranger named gets through as anything but text.
#[test]
fn hostile_names() {
    assert_snapshot!(text(&common::hostile()), @r#"
    LEAK: memory grows by 1.2 MiB/s, steadily; it reaches its limit in 13 min
      x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
      \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)

    command     x\x1b[2J\x1b]0;owned\x07\n# no lea…AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
    process     PID 12345, Python x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x
                onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` -->
                [link](http://evil), 3 processes with its children
    watched     60 s from x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)>
                @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil), level medium,
                paused 3 times (fork), 30 ms in all, 12.5 ms at most

    how badly   1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run
    per event   +4.03 KiB
    how often   all the time
    repeats     yes: growth in all 5 runs or time windows, the rate varies by 4 %
    shape       linear: steady growth
    limit       1 GiB, reached in 13 min at this rate
    confidence  97 %
    memory      45 MiB ▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇████████ 117 MiB

    What grows
     1. x\x1b[2J\x1b]0;owned\x07\n# no leak\r|…02e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)
        proved, 84 % of the growth
      what      Python objects that are in use and keep increasing (python-growth)
      where     x\x1b[2J\x1b]0;owned\x07\n# no lea…gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)
      growth    +60 MiB (+1 MiB/s), +125 k objects (+2083/s)
      because   - x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
                  \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)
      held by   - x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
                  \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)
                  x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
                  \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)
                  (x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
                  \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)): 50 MiB, 100 k objects
      do        x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
                \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)

    Growing rows of all tables
      x\x1b[2J\x1b]0…-> [link](http://evil))  measure           first   last  change   per second  share
        x\x1b[2J\x1b]0…> [link](http://evil)  x\x1b[…p://evil)    0 B  1 MiB  +1 MiB  +17.1 KiB/s  100 %

    Not known at level medium
      - x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
        \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)

    Issues
      warning: x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
        \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil): x\x1b[2J\x1b]0;owned\x07\n# no
        leak\r| a | `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` -->
        [link](http://evil); x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)>
        @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)

    Run next
      x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)
          x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone
          \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)
    "#);
}

/// Nothing known gives no empty sections.
#[test]
fn nothing_known() {
    assert_snapshot!(text(&common::empty()), @r#"
    UNDECIDED: it cannot be told yet whether this is a leak

    process     PID 1
    watched     0 s from 2026-11-22T10:00:00Z, level high, never paused

    growth      0 B/s (95 % interval 0 B/s to 0 B/s), 0 B over the run
    how often   never
    repeats     not known: it was watched for too short a time
    shape       irregular
    confidence  40 %
    "#);
}

/// A check says its result first.
#[test]
fn a_failed_check() {
    assert_snapshot!(text(&common::failed_check()), @r#"
    CHECK failed: it grows by more than 1 MiB/min
    LEAK: memory grows by 1.2 MiB/s, and is only partly given back; it reaches its limit in 13 min
      the low points of 6 teeth rise by 1.2 MiB/s

    command     python3 /srv/app/main.py --workers 2
    process     PID 12345, Python 3.11.7, 3 processes with its children
    watched     60 s from 2026-11-22T10:00:00Z, level high, never paused

    how badly   1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run
    per event   +4.03 KiB
    how often   every 10 s: 6 increases seen
    repeats     in part: growth in 4 of 6 runs or time windows, the rate varies by 30 %
    shape       saw-tooth: growth that is given back again and again
    limit       1 GiB, reached in 13 min at this rate
    confidence  97 %
    memory      40 MiB ▁▁▁▂▂▃▃▃▄▄▁▂▂▃▃▃▄▄▅▅▂▃▃▃▄▄▅▅▆▆▃▃▄▄▅▅▆▆▆▇▄▄▅▅▆▆▆▇▇█▅▅▆▆▆▇▇███ 138 MiB

    What grows
      Nothing that was looked at explains the growth.
    "#);
}

/// A table that nobody has met is shown like ours.
#[test]
fn a_table_of_a_stranger() {
    assert_snapshot!(trends(80, &common::third_party()), @r#"
      queues (redis)  measure  first   last  change   per second   share
        mail  0       payload  4 KiB  3 MiB  +3 MiB  +51.1 KiB/s   100 %
                      waiting     10    910    +900        +15/s  99.9 %
                      oldest    0 ns   61 s   +61 s       +1 s/s   100 %
        rows not shown: 1 growing, 1 not growing
      quiet (redis)   measure  first  last  change  per second  share
        ticks         n            0    60     +60        +1/s
        rows not shown: 3 unchanged
    "#);
}

/// Both verdicts, then what differs.
#[test]
fn two_recordings() {
    assert_snapshot!(diff(80, &common::difference()), @r#"
    before      before.jsonl
      LEAK: memory grows by 1.2 MiB/s, steadily; it reaches its limit in 13 min
        resident memory rose in 239 of 239 looks after a warm-up of 4 s
      how badly 1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over
                the run
    after       after.jsonl
      NO LEAK: memory grew and has stopped growing
        memory grew by 2 MiB in the first 9 s and stayed there
      growth    12 B/s (95 % interval -310 B/s to 400 B/s), +2 MiB over the run

    What differs
      mappings                measure  before  after  change  per second  share
        new heap  libnew.so   rss           -  3 MiB  +3 MiB    +874 B/s   75 %
        heap  arena           rss       1 MiB  2 MiB  +1 MiB    +291 B/s   25 %
        gone heap  libold.so  rss       1 MiB      -  -1 MiB    -291 B/s

    Issues
      note: table `gc` is only in the later snapshot
    "#);
}
