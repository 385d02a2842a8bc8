//! The main job: find the processes or start the command, run one session or several, report.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use capture::recording::Header;
use diagnose::Judgement;
use probe::{Result, Target};
use report::Report;

use crate::args::{FailOn, Format, GlobalArgs, LookArgs, OutputArgs, TargetArgs, WatchArgs};
use crate::command::{self, Launched};
use crate::events;
use crate::exit::{Exit, Failure, usage};
use crate::output::Sink;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::recorder::Recorder;
use crate::session::{Message, Outcome, Session, Stopped, Until};
use crate::{clock, interrupt, summary, targets};

/// How long a process is watched when nobody says how long, at most.
const OPEN_END: Duration = Duration::from_secs(50);

/// What is watched and how: the same for the main job and for `check`.
pub struct Job<'a> {
    /// Which processes, where no command is started.
    pub target: TargetArgs,
    /// The command, where one is.
    pub command_line: &'a [String],
    /// How to look.
    pub look: &'a LookArgs,
    /// What to do with the answer.
    pub output: &'a OutputArgs,
    /// Options of every command.
    pub global: &'a GlobalArgs,
    /// How many runs of the command.
    pub repeat: u32,
    /// The first part of each run is not judged.
    pub skip: Duration,
}

/// What came out of all runs.
pub struct Answer {
    /// The report, not yet written.
    pub report: Report,
    /// The verdict over all runs.
    pub judgement: Judgement,
    /// Where the report goes.
    pub sink: Sink,
    /// Why the last run stopped.
    pub stopped: Stopped,
    /// How the command ended in the last run, if it ended by itself.
    pub status: Option<std::process::ExitStatus>,
}

/// Runs `memprobe --pid ...` and `memprobe -- COMMAND`.
///
/// # Errors
/// When the options make no sense, the target cannot be watched, or nothing was measured.
pub fn run(args: &WatchArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let job = Job {
        target: args.target.clone(),
        command_line: &args.command_line,
        look: &args.look,
        output: &args.output,
        global,
        repeat: args.repeat,
        skip: Duration::ZERO,
    };
    let mut answer = job.run()?;
    answer.sink.write(&answer.report, args.output.format)?;
    let leak = answer.judgement.verdict.leak;
    let met = args.fail_on.iter().any(|on| match on {
        FailOn::Leak => leak == Some(true),
        FailOn::Undecided => leak.is_none(),
    });
    if met {
        return Ok(Exit::Met);
    }
    match answer.status {
        Some(status) if args.pass_status => Ok(Exit::Passed(command::shell_status(status))),
        _ => Ok(Exit::Fine),
    }
}

impl Job<'_> {
    /// Watches, once or several times, and makes the report.
    ///
    /// # Errors
    /// When the options make no sense, the target cannot be watched, or nothing was measured.
    pub fn run(&self) -> Result<Answer, Failure> {
        self.validate()?;
        let plan = Plan::load(self.look, self.global)?;
        // Everything that may fail for want of rights or space fails before the watch begins.
        let sink = self.sink()?;
        let targets = targets::resolve(&self.target).map_err(Failure::of_target)?;
        let mut recorder = self.recorder(&plan, &targets)?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        for run in 1..=self.repeat {
            let outcome = self.session(&plan, &targets, run, recorder.as_mut())?;
            let interrupted = outcome.stopped == Stopped::Interrupted;
            outcomes.push(outcome);
            if interrupted {
                break;
            }
        }
        let Some(mut last) = outcomes.pop() else {
            return Err(usage("--repeat must be at least 1").into());
        };
        let mut judgements: Vec<Judgement> = outcomes.into_iter().map(|o| o.judgement).collect();
        judgements.push(last.judgement.clone());
        let judgement = match judgements.as_slice() {
            [one] => one.clone(),
            many => diagnose::combine(many),
        };
        for issue in &plan.issues {
            last.facts.issue(issue.clone());
        }
        if let Some(recorder) = &mut recorder {
            recorder.end(last.stopped.reason(), &mut last.facts);
        }
        let report = summary::report(&last, &judgement, plan.level);
        Ok(Answer { report, judgement, sink, stopped: last.stopped, status: last.status })
    }

    fn validate(&self) -> Result<()> {
        let names_processes = !self.target.pid.is_empty() || self.target.r#match.is_some();
        match (names_processes, self.command_line.is_empty()) {
            (false, true) => Err(usage("no target was given")
                .with_hint("give --pid PID, --match REGEX, or a command after `--`; see --help")),
            (true, false) => Err(usage("both a process and a command were given: which one is it")
                .with_hint("give --pid or --match, or a command after `--`")),
            _ if self.repeat > 1 && self.command_line.is_empty() => {
                Err(usage("--repeat needs a command after `--` that can be run again"))
            }
            _ if self.command_line.is_empty()
                && self.look.event_regex.is_some()
                && self.look.events.is_none() =>
            {
                Err(usage(
                    "--event-regex needs --events FILE, or a command whose output is matched",
                ))
            }
            _ if self.repeat > 1 && self.output.record.is_some() => {
                Err(usage("--record keeps one run: it does not go with --repeat"))
            }
            _ => Ok(()),
        }
    }

    fn sink(&self) -> Result<Sink> {
        // A started command owns standard output; a document for programs still goes there.
        let shared = !self.command_line.is_empty() && self.output.format != Format::Json;
        let fallback = if shared { Sink::Stderr } else { Sink::Stdout };
        Sink::open(self.output.output.as_deref(), self.output.force, fallback)
    }

    fn recorder(&self, plan: &Plan, targets: &[Target]) -> Result<Option<Recorder>> {
        let Some(path) = &self.output.record else { return Ok(None) };
        let summary::Tool { name, version } = summary::tool();
        let tool = capture::recording::Tool { name, version };
        let mut header = Header::new(tool, clock::unix_ns(), plan.level, targets.to_vec());
        header.preset = Some(plan.preset.clone());
        header.command = (!self.command_line.is_empty()).then(|| self.command_line.join(" "));
        Recorder::create(path, self.output.force, &header).map(Some)
    }

    fn session(
        &self,
        plan: &Plan,
        targets: &[Target],
        run: u32,
        recorder: Option<&mut Recorder>,
    ) -> Result<Outcome, Failure> {
        let (outbox, inbox) = channel();
        interrupt::forward_to(outbox.clone());
        let mut targets = targets.to_vec();
        let launched = self.launch(&outbox)?;
        if let Some(launched) = &launched {
            targets.push(identify_launched(launched).map_err(Failure::of_target)?);
        }
        let label =
            if self.repeat > 1 { format!("run {run} of {}", self.repeat) } else { String::new() };
        let session = Session {
            plan,
            targets,
            launched,
            until: self.until(),
            skip: self.skip,
            inbox,
            outbox,
            progress: Progress::new(self.global.quiet, label),
            recorder,
        };
        session.run().map_err(Failure::of_target)
    }

    fn launch(&self, outbox: &Sender<Message>) -> Result<Option<Launched>, Failure> {
        let has_command = !self.command_line.is_empty();
        let (file, pattern) = (self.look.events.as_deref(), self.look.event_regex.as_deref());
        let counter = events::of_run(file, pattern, has_command, outbox)?;
        if !has_command {
            return Ok(None);
        }
        Launched::start(self.command_line, counter, outbox.clone())
            .map(Some)
            .map_err(|error| Failure { error, exit: Exit::NoTarget })
    }

    fn until(&self) -> Until {
        match (self.look.duration, self.command_line.is_empty()) {
            (Some(time), _) => Until::Elapsed(time),
            (None, true) => Until::Sure(OPEN_END),
            (None, false) => Until::CommandEnds,
        }
    }
}

pub(crate) fn identify_launched(launched: &Launched) -> Result<Target> {
    targets::identify(launched.pid()).map_err(|e| {
        e.context("the command ended before anything was measured")
            .with_hint("give a command that runs for at least a second")
    })
}
