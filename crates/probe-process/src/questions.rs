//! What the probe can be asked.

use probe::{Question, tables};

/// All questions.
pub(crate) fn questions() -> Vec<Question> {
    vec![
        Question::new(
            "rss",
            &[tables::processes::TABLE],
            "one pread of a few hundred ns per process",
        )
        .beside_copy(),
        Question::new(
            "memory",
            &[tables::processes::TABLE],
            "one smaps_rollup per process: some ms per GiB resident",
        )
        .beside_copy(),
        Question::new(
            "mappings",
            &[tables::mappings::TABLE],
            "one smaps per process: as memory, and some us per mapping",
        ),
        Question::new("handles", &[tables::handles::TABLE], "some us per open handle"),
        Question::new(
            "shared_memory",
            &[tables::shared_memory::TABLE],
            "one maps and one list of handles per process, some us per process of the machine",
        ),
        Question::new(
            "thread_waits",
            &[tables::thread_waits::TABLE],
            "three small files per thread: some 20 us each",
        ),
        Question::new("limits", &[tables::limits::TABLE], "some ten small files"),
        Question::new("pressure", &[tables::pressure::TABLE], "two small files"),
    ]
}
