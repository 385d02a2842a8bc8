//! What is pasted into an issue tracker, as it stands.

mod common;

use insta::assert_snapshot;
use memprobe_report::{DiffReport, Format, Report, Style};

fn markdown(report: &Report) -> String {
    rendered(|out| Format::Markdown.renderer(Style::default()).render(report, out))
}

fn diff(diff: &DiffReport) -> String {
    rendered(|out| Format::Markdown.renderer(Style::default()).render_diff(diff, out))
}

fn trends(trends: &[diff::TableTrend]) -> String {
    rendered(|out| Format::Markdown.renderer(Style::default()).render_trends(trends, out))
}

fn rendered(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).expect("memory takes everything");
    String::from_utf8(out).expect("text")
}

/// The answer comes first, then how bad, what grows, and what to do.
#[test]
fn a_linear_leak() {
    assert_snapshot!(markdown(&common::leak()), @r#"
    # LEAK: memory grows by 1.2 MiB/s, steadily; it reaches its limit in 13 min

    resident memory rose in 239 of 239 looks after a warm-up of 4 s

    | | |
    |---|---|
    | command | `python3 /srv/app/main.py --workers 2` |
    | process | PID 12345, Python 3.11.7, 3 processes with its children |
    | watched | 60 s from 2026-11-22T10:00:00Z, level high, never paused |
    | how badly | 1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run |
    | per event | +4.03 KiB |
    | how often | all the time |
    | repeats | yes: growth in all 5 runs or time windows, the rate varies by 4 % |
    | shape | linear: steady growth |
    | limit | 1 GiB, reached in 13 min at this rate |
    | confidence | 97 % |
    | memory | 45 MiB `▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇████████` 117 MiB |
    | reported by | memprobe 0.1.0 |

    ## What grows

    ### 1. `[heap] of process 12345`

    native memory that is in use and keeps increasing (`native-growth`); likely, 93 % of the growth

    - where: `/usr/bin/python3.11`
    - growth: +66.7 MiB (+1.11 MiB/s)
    - the main heap went from 12 MiB to 78.7 MiB while all libraries together stayed within 40 KiB of where they were when the watching began

    **Do:** Look at the Python objects next.

    ## Growing rows of all tables

    ### `mappings (process)`

    | `kind  name` | measure | first | last | change | per second | share |
    |---|---|---:|---:|---:|---:|---:|
    | `heap  [heap]` | `rss` | 12 MiB | 78.7 MiB | +66.7 MiB | +1.11 MiB/s | 93 % |
    | `anonymous  anonymous` | `rss` | 9 MiB | 14 MiB | +5 MiB | +85.3 KiB/s | 6.97 % |
    |  | `mappings` | 30 | 35 | +5 | +0.0833/s | 100 % |

    rows not shown: 7 growing, 1 not growing, 41 unchanged

    ### `processes (process)`

    | `pid` | measure | first | last | change | per second | share |
    |---|---|---:|---:|---:|---:|---:|
    | `12345` | `rss` | 20 MiB | 91.7 MiB | +71.7 MiB | +1.2 MiB/s | 100 % |
    |  | `threads` | 1 | 4 | +3 | +0.05/s | 100 % |

    rows not shown: 1 not growing, 1 unchanged

    ## Not known at level high

    - Which Python objects grow, and who holds them.

    ## Run next

    ```sh
    memprobe --level medium --pid 12345
    ```

    which Python types grow, and who holds them
    "#);
}

/// A settled process is told in a few lines.
#[test]
fn no_leak() {
    assert_snapshot!(markdown(&common::no_leak()), @r#"
    # NO LEAK: memory grew and has stopped growing

    memory grew by 2 MiB in the first 9 s and stayed there

    | | |
    |---|---|
    | command | `python3 /srv/app/main.py --workers 2` |
    | process | PID 12345 |
    | watched | 60 s from 2026-11-22T10:00:00Z, level high, never paused |
    | growth | 12 B/s (95 % interval -310 B/s to 400 B/s), +2 MiB over the run |
    | how often | never |
    | repeats | no: growth in none of 5 runs or time windows |
    | shape | plateau: growth that has ended |
    | confidence | 99 % |
    | memory | 40 MiB `▁▁▂▃▄▅▆▇████████████████████████████████████████████████████` 42 MiB |
    | reported by | memprobe 0.1.0 |
    "#);
}

/// What cannot be told is said, with the way on; equal issues are counted.
#[test]
fn undecided() {
    assert_snapshot!(markdown(&common::undecided()), @r#"
    # UNDECIDED: it cannot be told yet whether this is a leak

    the warm-up has not ended; watch 20 s more

    | | |
    |---|---|
    | command | `python3 /srv/app/main.py --workers 2` |
    | process | PID 12345 |
    | watched | 5 s from 2026-11-22T10:00:00Z, level high, never paused |
    | growth | 12 B/s (95 % interval -310 B/s to 400 B/s), +2 MiB over the run |
    | how often | never |
    | repeats | not known: it was watched for too short a time |
    | shape | irregular |
    | confidence | 40 % |
    | memory | 40 MiB `▁▂▄▅▇█` 41.1 MiB |
    | reported by | memprobe 0.1.0 |

    ## Issues

    - error: probe \`alloc\` panicked
    - warning: process: cannot read smaps (3 times); run as the same user, or as root
    - note: the page cache was cold

    ## Run next

    ```sh
    memprobe --pid 12345 --for 30s
    ```

    long enough to decide
    "#);
}

/// The low points count.
#[test]
fn a_sawtooth() {
    assert_snapshot!(markdown(&common::sawtooth()), @r#"
    # LEAK: memory grows by 1.2 MiB/s, and is only partly given back; it reaches its limit in 13 min

    the low points of 6 teeth rise by 1.2 MiB/s

    | | |
    |---|---|
    | command | `python3 /srv/app/main.py --workers 2` |
    | process | PID 12345, Python 3.11.7, 3 processes with its children |
    | watched | 60 s from 2026-11-22T10:00:00Z, level high, never paused |
    | how badly | 1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run |
    | per event | +4.03 KiB |
    | how often | every 10 s: 6 increases seen |
    | repeats | in part: growth in 4 of 6 runs or time windows, the rate varies by 30 % |
    | shape | saw-tooth: growth that is given back again and again |
    | limit | 1 GiB, reached in 13 min at this rate |
    | confidence | 97 % |
    | memory | 40 MiB `▁▁▁▂▂▃▃▃▄▄▁▂▂▃▃▃▄▄▅▅▂▃▃▃▄▄▅▅▆▆▃▃▄▄▅▅▆▆▆▇▄▄▅▅▆▆▆▇▇█▅▅▆▆▆▇▇███` 138 MiB |
    | reported by | memprobe 0.1.0 |
    "#);
}

/// Findings come in order with who holds them; what is left out is counted.
#[test]
fn findings_with_holders() {
    assert_snapshot!(markdown(&common::held()), @r#"
    # LEAK: memory grows by 1.2 MiB/s, steadily; it reaches its limit in 13 min

    resident memory rose in 239 of 239 looks after a warm-up of 4 s

    | | |
    |---|---|
    | command | `python3 /srv/app/main.py --workers 2` |
    | process | PID 12345, Python 3.11.7, 3 processes with its children |
    | watched | 60 s from 2026-11-22T10:00:00Z, level medium, paused 3 times (fork), 30 ms in all, 12.5 ms at most |
    | how badly | 1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run |
    | per event | +4.03 KiB |
    | how often | all the time |
    | repeats | yes: growth in all 5 runs or time windows, the rate varies by 4 % |
    | shape | linear: steady growth |
    | limit | 1 GiB, reached in 13 min at this rate |
    | confidence | 97 % |
    | memory | 45 MiB `▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇████████` 117 MiB |
    | reported by | memprobe 0.1.0 |

    ## What grows

    ### 1. `app.models.Session`

    Python objects that are in use and keep increasing (`python-growth`); proved, 84 % of the growth

    - where: `app/models.py:41 in Session.load`
    - growth: +60 MiB (+1 MiB/s), +125 k objects (+2083/s)
    - sentence 0 with 3 figures
    - sentence 1 with 3 figures
    - sentence 2 with 3 figures
    - sentence 3 with 3 figures
    - sentence 4 with 3 figures
    - sentence 5 with 3 figures
    - sentence 6 with 3 figures
    - sentence 7 with 3 figures
    - held by `module app.cache → attribute CACHE_0 (dict) → value (list)`: 50 MiB, 100 k objects
    - held by `module app.cache → attribute CACHE_1 (dict) → value (list)`: 49 MiB, 90000 objects
    - held by `module app.cache → attribute CACHE_2 (dict) → value (list)`: 48 MiB, 80000 objects
    - held by `module app.cache → attribute CACHE_3 (dict) → value (list)`: 47 MiB, 70000 objects
    - held by `module app.cache → attribute CACHE_4 (dict) → value (list)`: 46 MiB, 60000 objects

    **Do:** Bound the dictionary CACHE\_0 of app.cache, or drop entries that are done.

    ### 2. `[heap] of process 12345`

    native memory that is in use and keeps increasing (`native-growth`); likely, 93 % of the growth

    - where: `/usr/bin/python3.11`
    - growth: +66.7 MiB (+1.11 MiB/s)
    - the main heap went from 12 MiB to 78.7 MiB while all libraries together stayed within 40 KiB of where they were when the watching began

    **Do:** Look at the Python objects next.

    ### 3. `sockets 0`

    open handles that are never closed (`handle-growth`); possible

    - growth: +12 objects

    ### 4. `sockets 1`

    open handles that are never closed (`handle-growth`); possible

    - growth: +12 objects

    ### 5. `sockets 2`

    open handles that are never closed (`handle-growth`); possible

    - growth: +12 objects

    ### 6. `sockets 3`

    open handles that are never closed (`handle-growth`); possible

    - growth: +12 objects

    ### 7. `sockets 4`

    open handles that are never closed (`handle-growth`); possible

    - growth: +12 objects

    ## Not known at level medium

    - Which Python objects grow, and who holds them.

    ## Run next

    ```sh
    memprobe --level medium --pid 12345
    ```

    which Python types grow, and who holds them
    "#);
}

/// Nothing that a stranger named gets through as anything but text.
#[test]
fn hostile_names() {
    assert_snapshot!(markdown(&common::hostile()), @r#"
    # LEAK: memory grows by 1.2 MiB/s, steadily; it reaches its limit in 13 min

    x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil)

    | | |
    |---|---|
    | command | ``x\x1b[2J\x1b]0;owned\x07\n# no leak\r\| a \| `b` <img src=x onerror=alert(1)> @ev…AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`` |
    | process | PID 12345, Python x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil), 3 processes with its children |
    | watched | 60 s from x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil), level medium, paused 3 times (fork), 30 ms in all, 12.5 ms at most |
    | how badly | 1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run |
    | per event | +4.03 KiB |
    | how often | all the time |
    | repeats | yes: growth in all 5 runs or time windows, the rate varies by 4 % |
    | shape | linear: steady growth |
    | limit | 1 GiB, reached in 13 min at this rate |
    | confidence | 97 % |
    | memory | 45 MiB `▁▁▁▁▁▁▁▁▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇████████` 117 MiB |
    | reported by | memprobe x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil) |

    ## What grows

    ### 1. ````x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)````

    Python objects that are in use and keep increasing (`python-growth`); proved, 84 % of the growth

    - where: ````x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)````
    - growth: +60 MiB (+1 MiB/s), +125 k objects (+2083/s)
    - x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil)
    - held by ````x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @ev…no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil))````: 50 MiB, 100 k objects

    **Do:** x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil)

    ## Growing rows of all tables

    ### ````x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @ev…no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil))````

    | ````x\x1b[2J\x1b]0;owned\x07\n# no leak\r\| a \| `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)```` | measure | first | last | change | per second | share |
    |---|---|---:|---:|---:|---:|---:|
    | ````x\x1b[2J\x1b]0;owned\x07\n# no leak\r\| a \| `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)```` | ````x\x1b[2J\x1b]0;owned\x07\n# no leak\r\| a \| `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)```` | 0 B | 1 MiB | +1 MiB | +17.1 KiB/s | 100 % |

    ## Not known at level medium

    - x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil)

    ## Issues

    - warning: x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil): x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil); x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil)

    ## Run next

    ````sh
    x\x1b[2J\x1b]0;owned\x07\n# no leak\r| a | `b` <img src=x onerror=alert(1)> @everyone \u{202e}gnp.exe\u{200b} \u{9b}31m ``` --> [link](http://evil)
    ````

    x\\x1b\[2J\\x1b\]0;owned\\x07\\n\# no leak\\r\| a \| \`b\` &lt;img src=x onerror=alert(1)&gt; @<!-- -->everyone \\u{202e}gnp.exe\\u{200b} \\u{9b}31m \`\`\` --&gt; \[link\](http&#58;//evil)
    "#);
}

/// Nothing known gives no empty sections.
#[test]
fn nothing_known() {
    assert_snapshot!(markdown(&common::empty()), @r#"
    # UNDECIDED: it cannot be told yet whether this is a leak

    | | |
    |---|---|
    | process | PID 1 |
    | watched | 0 s from 2026-11-22T10:00:00Z, level high, never paused |
    | growth | 0 B/s (95 % interval 0 B/s to 0 B/s), 0 B over the run |
    | how often | never |
    | repeats | not known: it was watched for too short a time |
    | shape | irregular |
    | confidence | 40 % |
    | reported by | memprobe 0.1.0 |
    "#);
}

/// A check says its result first.
#[test]
fn a_failed_check() {
    assert_snapshot!(markdown(&common::failed_check()), @r#"
    **Check failed: it grows by more than 1 MiB/min**

    # LEAK: memory grows by 1.2 MiB/s, and is only partly given back; it reaches its limit in 13 min

    the low points of 6 teeth rise by 1.2 MiB/s

    | | |
    |---|---|
    | command | `python3 /srv/app/main.py --workers 2` |
    | process | PID 12345, Python 3.11.7, 3 processes with its children |
    | watched | 60 s from 2026-11-22T10:00:00Z, level high, never paused |
    | how badly | 1.2 MiB/s (95 % interval 1.18 MiB/s to 1.23 MiB/s), +71.7 MiB over the run |
    | per event | +4.03 KiB |
    | how often | every 10 s: 6 increases seen |
    | repeats | in part: growth in 4 of 6 runs or time windows, the rate varies by 30 % |
    | shape | saw-tooth: growth that is given back again and again |
    | limit | 1 GiB, reached in 13 min at this rate |
    | confidence | 97 % |
    | memory | 40 MiB `▁▁▁▂▂▃▃▃▄▄▁▂▂▃▃▃▄▄▅▅▂▃▃▃▄▄▅▅▆▆▃▃▄▄▅▅▆▆▆▇▄▄▅▅▆▆▆▇▇█▅▅▆▆▆▇▇███` 138 MiB |
    | reported by | memprobe 0.1.0 |
    "#);
}

/// A table that nobody has met is shown like ours.
#[test]
fn a_table_of_a_stranger() {
    assert_snapshot!(trends(&common::third_party()), @r#"
    ### `queues (redis)`

    | `queue  shard` | measure | first | last | change | per second | share |
    |---|---|---:|---:|---:|---:|---:|
    | `mail  0` | `payload` | 4 KiB | 3 MiB | +3 MiB | +51.1 KiB/s | 100 % |
    |  | `waiting` | 10 | 910 | +900 | +15/s | 99.9 % |
    |  | `oldest` | 0 ns | 61 s | +61 s | +1 s/s | 100 % |

    rows not shown: 1 growing, 1 not growing

    ### `quiet (redis)`

    | `name` | measure | first | last | change | per second | share |
    |---|---|---:|---:|---:|---:|---:|
    | `ticks` | `n` | 0 | 60 | +60 | +1/s |  |

    rows not shown: 3 unchanged
    "#);
}

/// Both verdicts, then what differs.
#[test]
fn two_recordings() {
    assert_snapshot!(diff(&common::difference()), @r#"
    - before `before.jsonl`: **LEAK**: memory grows by 1.2 MiB/s, steadily; it reaches its limit in 13 min
    - after `after.jsonl`: **NO LEAK**: memory grew and has stopped growing

    ## What differs

    ### `mappings`

    | `kind  name` | measure | before | after | change | per second | share |
    |---|---|---:|---:|---:|---:|---:|
    | `new heap  libnew.so` | `rss` | - | 3 MiB | +3 MiB | +874 B/s | 75 % |
    | `heap  arena` | `rss` | 1 MiB | 2 MiB | +1 MiB | +291 B/s | 25 % |
    | `gone heap  libold.so` | `rss` | 1 MiB | - | -1 MiB | -291 B/s |  |

    ## Issues

    - note: table \`gc\` is only in the later snapshot
    "#);
}
