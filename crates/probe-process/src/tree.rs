//! A process and its descendants, which come and go.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use probe::{ErrorKind, Issue, Result, Target};
use target::procfs::{self, ProcessDir};

use crate::sampler::ProcessSampler;

/// More processes than this are left out; each costs a file descriptor.
const MOST_PROCESSES: usize = 2048;
/// So many processes keep their files open between two looks; the others open them each time.
const KEPT_OPEN: usize = 64;
/// A process with more threads is not asked for the children of each: the list of all
/// processes of the machine is cheaper.
const MOST_THREADS: usize = 256;
/// Looking for children may take this share of the time.
const SHARE: u32 = 50;

/// A process and its descendants.
///
/// A process once seen belongs to the tree until it ends, even when its parent ends and the
/// system gives it to another. A descendant whose parent ended before anybody looked is not
/// found: nothing ties it to the tree any more.
#[derive(Debug)]
pub struct Tree {
    /// The root first; parents before their children.
    processes: Vec<ProcessSampler>,
    follow: bool,
    looked: Option<Instant>,
    cost: Duration,
}

impl Tree {
    /// The tree below a process; without `follow` the process alone.
    ///
    /// # Errors
    /// As [`ProcessSampler::attach_to`].
    pub fn attach(target: &Target, follow: bool) -> Result<Self> {
        let root = ProcessSampler::attach_to(target)?;
        Ok(Self { processes: vec![root], follow, looked: None, cost: Duration::ZERO })
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &ProcessSampler {
        &self.processes[0]
    }

    /// All processes, the root first.
    pub fn processes(&mut self) -> &mut [ProcessSampler] {
        &mut self.processes
    }

    /// Asks each process; descendants that have ended meanwhile are forgotten.
    ///
    /// # Errors
    /// That of the root; and that of a descendant when it is not about its end.
    pub fn ask<T>(
        &mut self,
        mut question: impl FnMut(&mut ProcessSampler) -> Result<T>,
    ) -> Result<Vec<(usize, Result<T>)>> {
        let mut answers = Vec::with_capacity(self.processes.len());
        let mut kept = 0;
        let mut failed = None;
        self.processes.retain_mut(|process| {
            let is_root = process.parent().is_none();
            let answer = question(process);
            if answer.as_ref().is_err_and(|e| e.kind() == ErrorKind::TargetEnded) {
                if is_root {
                    failed = answer.err();
                }
                return is_root;
            }
            answers.push((kept, answer));
            kept += 1;
            true
        });
        failed.map_or(Ok(answers), Err)
    }

    /// Looks for processes that have come and gone, if the last look is `age` ago, or longer
    /// where looking is dear (a fiftieth of the time at most). Says what had to be left out.
    pub fn refresh(&mut self, age: Duration) -> Option<Issue> {
        if !self.follow {
            return None;
        }
        let wait = age.max(self.cost * SHARE).min(Duration::from_secs(10));
        if self.looked.is_some_and(|looked| looked.elapsed() < wait) {
            return None;
        }
        let start = Instant::now();
        self.processes.retain(|p| p.parent().is_none() || p.dir().stat().is_ok());
        let issue = self.discover();
        self.looked = Some(start);
        self.cost = start.elapsed();
        issue
    }

    fn discover(&mut self) -> Option<Issue> {
        let mut known: HashSet<u32> = self.processes.iter().map(ProcessSampler::pid).collect();
        let mut queue: VecDeque<u32> = self.processes.iter().map(ProcessSampler::pid).collect();
        let mut all = AllProcesses::default();
        while let Some(parent) = queue.pop_front() {
            for child in self.children_of(parent, &mut all) {
                if known.contains(&child) {
                    continue;
                }
                if self.processes.len() >= MOST_PROCESSES {
                    return Some(too_many());
                }
                match self.adopt(child, parent) {
                    Ok(true) => {
                        known.insert(child);
                        queue.push_back(child);
                    }
                    // It ended, or its number belongs to a stranger by now.
                    Ok(false) => {}
                    Err(issue) => return Some(issue),
                }
            }
        }
        None
    }

    fn children_of(&self, parent: u32, all: &mut AllProcesses) -> Vec<u32> {
        let process = self.processes.iter().find(|p| p.pid() == parent);
        process
            .and_then(|process| procfs::children(process.dir(), MOST_THREADS))
            .unwrap_or_else(|| all.children(parent))
    }

    fn adopt(&mut self, pid: u32, parent: u32) -> Result<bool, Issue> {
        let dir = match ProcessDir::open(pid) {
            Ok(dir) => dir,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::TargetEnded) => {
                return Ok(false);
            }
            Err(error) => {
                let context = format!("process {pid}, a child of {parent}, is left out");
                return Err(error.context(context).to_issue(probe::Severity::Warning));
            }
        };
        if dir.stat().map_or(true, |stat| stat.parent != parent) {
            return Ok(false);
        }
        let keep = self.processes.len() < KEPT_OPEN;
        self.processes.push(ProcessSampler::new(dir, Some(parent), keep));
        Ok(true)
    }
}

fn too_many() -> Issue {
    Issue::warning(format!("the tree has over {MOST_PROCESSES} processes: the others are left out"))
        .with_hint("watch a process further down in the tree")
}

/// The list of all processes of the machine, made when it is first needed.
#[derive(Default)]
struct AllProcesses(Option<HashMap<u32, Vec<u32>>>);

impl AllProcesses {
    fn children(&mut self, parent: u32) -> Vec<u32> {
        let by_parent = self.0.get_or_insert_with(|| {
            let mut by_parent: HashMap<u32, Vec<u32>> = HashMap::new();
            for (pid, parent) in procfs::parents().unwrap_or_default() {
                by_parent.entry(parent).or_default().push(pid);
            }
            by_parent
        });
        by_parent.get(&parent).cloned().unwrap_or_default()
    }
}
