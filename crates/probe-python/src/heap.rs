//! The questions `pymalloc` and `census`: what is surveyed in a process, and its tables.

use probe::{Error, ErrorKind, Issue, Request, Result, Table};
use target::images::Mapping;
use target::procfs::clock;

use crate::attach::Python;
use crate::census::rules::{Rules, rules};
use crate::census::table::census_table;
use crate::find::Runtime;
use crate::free_lists::{self, FreeLists};
use crate::pymalloc::Pymalloc;
use crate::pymalloc::state::{self, Known};
use crate::pymalloc::table::{pymalloc_table, size_class_table};
use crate::walk::resident::Untouched;
use crate::walk::spans::{SpanKind, Spans};
use crate::walk::{Each, Survey, Wanted, survey_touched};

impl Python {
    /// Goes over all memory of the process and counts pools and objects, of all interpreters
    /// together. Returns what is missing besides.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when no interpreter in the process is of a version and build
    /// whose objects can be recognised; those of reading memory.
    pub fn survey(&self, wanted: Wanted) -> Result<(Survey, Vec<Issue>)> {
        self.survey_with(wanted, None)
    }

    /// The same, and shows every object to `each`: its address and that of its type.
    ///
    /// # Errors
    /// As [`Python::survey`].
    pub fn survey_each(&self, each: &Each<'_>) -> Result<(Survey, Vec<Issue>)> {
        self.survey_with(Wanted::Objects, Some(each))
    }

    fn survey_with(&self, wanted: Wanted, each: Option<&Each<'_>>) -> Result<(Survey, Vec<Issue>)> {
        let (rules, mut issues) = self.rules()?;
        let (spans, untouched) = self.memory_map(&self.memory().mappings()?, &mut issues);
        let hurry = self.is_stopped();
        let mut survey =
            survey_touched(self.memory(), &spans, &untouched, rules, wanted, each, hurry)?;
        let known = self.allocator_state(&survey.pymalloc, &spans, rules)?;
        survey.pymalloc.state = known.map(|known| known.state);
        issues.extend(self.free_lists(&mut survey));
        issues.extend(losses(&survey));
        issues.extend(self.mimalloc(&survey));
        Ok((survey, issues))
    }

    /// What the allocator says of itself, in the data of the library that has the interpreter.
    pub(crate) fn allocator_state(
        &self,
        found: &Pymalloc,
        spans: &Spans,
        rules: &Rules,
    ) -> Result<Option<Known>> {
        /// Data of one library is not farther apart.
        const NEAR: u64 = 64 << 20;
        for runtime in self.runtimes().iter().filter(|r| r.version.minor == rules.minor) {
            let near = |at: u64| at.abs_diff(runtime.address) < NEAR;
            let data = spans.list().iter().filter(|span| span.kind == SpanKind::Data);
            let data = data.map(|span| span.range.clone()).filter(|range| near(range.start));
            if let Some(known) = state::find(self.memory(), data, spans, rules.minor, found)? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// Adds the free lists of all interpreters. Returns whose could not be read.
    fn free_lists(&self, survey: &mut Survey) -> Vec<Issue> {
        let mut issues = Vec::new();
        for runtime in self.runtimes() {
            let Some(rules) = free_lists::rules(&runtime.version) else { continue };
            for interpreter in self.interpreters(runtime).unwrap_or_default() {
                let geometry = &survey.pymalloc.geometry;
                let lists = free_lists::read(self.memory(), rules, interpreter.address, geometry);
                match lists {
                    Some(lists) => {
                        let (runtime, interpreter) = (runtime.address, interpreter.id);
                        survey.free_lists.push(FreeLists { runtime, interpreter, lists });
                    }
                    None => issues.push(Issue::info(format!(
                        "the free lists of interpreter {} of Python {} are missing: its state \
                         does not look as the version says",
                        interpreter.id, runtime.version
                    ))),
                }
            }
        }
        issues
    }

    /// Which memory may hold objects, and which of it was never touched.
    pub(crate) fn memory_map(
        &self,
        mappings: &[Mapping],
        issues: &mut Vec<Issue>,
    ) -> (Spans, Untouched) {
        let spans = Spans::new(mappings);
        let untouched = match self.memory().pagemap() {
            Some(pagemap) => Untouched::read(&pagemap, &spans, clock::page_size()),
            // Then all of it is read.
            None => Untouched::default(),
        };
        if untouched.left_out > 0 {
            issues.push(Issue::info(format!(
                "{} bytes of address space were left out: too much is reserved to look at each \
                 page",
                untouched.left_out
            )));
        }
        (spans, untouched)
    }

    /// Says so when the objects are in an allocator that is not read.
    fn mimalloc(&self, survey: &Survey) -> Option<Issue> {
        let environment = self.process()?.read("environ").ok()?;
        let mut settings = environment.split(|&byte| byte == 0);
        let chosen = settings.any(|setting| setting.starts_with(b"PYTHONMALLOC=mimalloc"));
        (chosen && survey.pymalloc.pools() == 0).then(|| {
            let message = "the interpreter was started with PYTHONMALLOC=mimalloc, an allocator \
                           that is not read: its pools and most of its objects are missing";
            Issue::warning(message)
                .with_hint("start it without that setting, or stay at the high level")
        })
    }

    /// How objects look: as the newest initialised interpreter has them.
    pub(crate) fn rules(&self) -> Result<(&'static Rules, Vec<Issue>)> {
        let initialised = |runtime: &&Runtime| {
            self.interpreters(runtime).is_ok_and(|interpreters| !interpreters.is_empty())
        };
        let mut runtimes: Vec<&Runtime> = self.runtimes().iter().filter(initialised).collect();
        runtimes.sort_by_key(|runtime| (runtime.version.major, runtime.version.minor));
        let Some(newest) = runtimes.pop() else {
            let message = "no interpreter in the process is initialised: there are no objects";
            return Err(Error::new(ErrorKind::Unsupported, message));
        };
        if newest.free_threaded {
            let message = format!(
                "the objects of Python {}, a free-threaded build, cannot be counted: it has \
                 another allocator and other object headers",
                newest.version
            );
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_hint("`tracemalloc` inside of the program, or the high level"));
        }
        let other = runtimes.iter().find(|r| r.version.minor != newest.version.minor);
        let issue = other.map(|other| {
            Issue::warning(format!(
                "the process has Python {} and Python {}: only objects of the first are counted",
                newest.version, other.version
            ))
        });
        Ok((rules(&newest.version)?, issue.into_iter().collect()))
    }
}

/// What was lost.
pub(crate) fn losses(survey: &Survey) -> Vec<Issue> {
    let mut issues = Vec::new();
    let torn = survey.pymalloc.torn_pools;
    if torn > 0 {
        issues.push(Issue::warning(format!(
            "{torn} of {} pools were changed while they were read: their blocks and objects are \
             approximate",
            survey.pymalloc.pools()
        )));
    }
    if survey.torn > 1 << 20 {
        issues.push(Issue::warning(format!(
            "{} bytes of the native heap have no structure that is known: objects larger than \
             512 bytes in there are not counted",
            survey.torn
        )));
    }
    issues
}

/// The tables that a request wants.
pub(crate) fn tables(survey: &Survey, pid: u64, request: &Request) -> Vec<Table> {
    let mut tables = Vec::new();
    let census = request.wants("census");
    if census {
        tables.push(census_table(survey, pid));
    }
    if request.wants("pymalloc") {
        tables.push(pymalloc_table(&survey.pymalloc, pid));
        tables.push(free_lists::table(&survey.free_lists, pid));
    }
    tables.push(size_class_table(&survey.pymalloc, pid, census));
    tables
}
