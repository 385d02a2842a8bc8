//! Reports with anything in them: every form is rendered, harmless, and JSON reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use report::{Format, Report, Style};

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let Ok(report) = serde_json::from_slice::<Report>(bytes) else { return };
    let style = Style { width: usize::from(first), ascii: first % 2 == 1, colour: false };
    for format in Format::ALL {
        let mut out = Vec::new();
        format.renderer(style).render(&report, &mut out).expect("memory takes everything");
        let text = String::from_utf8(out).expect("text");
        for line in text.lines() {
            assert_eq!(report::clean(line), line, "{format}");
        }
        match format {
            Format::Json => {
                serde_json::from_str::<Report>(&text).expect("own document");
            }
            Format::Text => assert!(!style.ascii || text.is_ascii()),
            Format::Markdown => {}
        }
    }
});
