//! Walks along frames.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use probe::{Result, ResultExt};
use target::memory::ReadMemory;

use super::rules::{FrameRules, Places};
use super::{Doubt, Frame, Stack};
use crate::census::names::{Names, clean};
use crate::state::{ThreadState, field, nonsense};

/// The most frames of a thread that are read: ten times the default limit of recursion.
const MOST_FRAMES: usize = 10_000;
/// The longest table of lines that is read.
const MOST_LINES: u64 = 4 << 20;
/// The longest name of a file that is kept, bytes.
const LONGEST_FILE: usize = 4096;
/// The longest name of a function that is kept, bytes.
const LONGEST_NAME: usize = 512;
/// How often a stack is read that changed meanwhile.
const TRIES: usize = 3;
/// Bits that references have from 3.14 on beside the address.
const TAGS: u64 = 7;

/// What a code object says.
struct Code {
    function: Arc<str>,
    file: Arc<str>,
    first_line: i64,
    lines: Vec<u8>,
}

/// Frames as they were walked, and whether the outermost are missing.
type Walked = (Vec<Frame>, bool);

/// Reads the stacks of one interpreter.
pub(super) struct Reader<'a, M> {
    memory: &'a M,
    rules: &'a FrameRules,
    places: Places,
    names: Names<'a, M>,
    codes: HashMap<u64, Code>,
    /// The type of code objects, once one was seen.
    code_type: Option<u64>,
}

impl<'a, M: ReadMemory> Reader<'a, M> {
    pub(super) fn new(rules: &'a FrameRules, places: Places, names: Names<'a, M>) -> Self {
        let memory = names.memory;
        Self { memory, rules, places, names, codes: HashMap::new(), code_type: None }
    }

    /// The stack of a thread. It is believed when the innermost frames are the same before and
    /// after; a thread that waits gives the same each time.
    pub(super) fn stack(&mut self, thread: ThreadState, holders: &HashSet<u64>) -> Result<Stack> {
        let mut last = None;
        let mut doubt = Some(Doubt::Changed);
        let mut failed = None;
        for _ in 0..TRIES {
            let before = self.top(&thread)?;
            match self.walk(before.0) {
                Ok(walked) => {
                    let same = self.top(&thread)? == before;
                    doubt = if !same {
                        Some(Doubt::Changed)
                    } else {
                        walked.1.then_some(Doubt::TooDeep)
                    };
                    last = Some(walked);
                    if same {
                        break;
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        let frames = match (last, failed) {
            (Some((frames, _)), _) => frames,
            (None, Some(error)) => {
                let place = format!("the stack of the thread state at {:#x}", thread.address);
                return Err(error).context(place);
            }
            (None, None) => Vec::new(),
        };
        let holds_gil = holders.contains(&thread.address);
        Ok(Stack { thread, holds_gil, frames, doubt })
    }

    /// The innermost frame, or 0, and where it stands.
    fn top(&self, thread: &ThreadState) -> Result<(u64, u64)> {
        let mut frame = field(self.memory, thread.address, self.places.thread_frame)?;
        if let (Some(inner), true) = (self.places.inner_frame, frame != 0) {
            frame = field(self.memory, frame, inner)?;
        }
        let at = if frame == 0 { 0 } else { field(self.memory, frame, self.places.instruction)? };
        Ok((frame, at))
    }

    fn walk(&mut self, top: u64) -> Result<Walked> {
        let (mut frames, mut seen, mut at) = (Vec::new(), HashSet::new(), top);
        while at != 0 {
            if frames.len() >= MOST_FRAMES {
                return Ok((frames, true));
            }
            if !at.is_multiple_of(8) || !seen.insert(at) || seen.len() > 2 * MOST_FRAMES {
                return Err(nonsense(format!("the frames lead to {at:#x}, which is no place")));
            }
            frames.extend(self.frame(at)?);
            at = field(self.memory, at, self.places.back)?;
        }
        Ok((frames, false))
    }

    /// A frame; `None` when it runs no Python code, or none yet.
    fn frame(&mut self, at: u64) -> Result<Option<Frame>> {
        if let Some(owner) = self.places.owner {
            let mut byte = [0];
            self.memory.read(at.saturating_add(owner), &mut byte)?;
            if byte[0] >= self.rules.shim {
                return Ok(None);
            }
        }
        let code = field(self.memory, at, self.places.code)? & !TAGS;
        let Some(offset) = self.offset(at, code)? else { return Ok(None) };
        if !self.codes.contains_key(&code) {
            let read = self.code(code)?;
            self.codes.insert(code, read);
        }
        Ok(self.codes.get(&code).map(|code| Frame {
            function: code.function.clone(),
            file: code.file.clone(),
            line: self.rules.lines.line(&code.lines, code.first_line, offset),
        }))
    }

    /// The instruction of a frame, bytes from the first; `None` when it has not begun.
    fn offset(&self, frame: u64, code: u64) -> Result<Option<u64>> {
        let place = frame.saturating_add(self.places.instruction);
        let Some(first) = self.places.instructions else {
            let index = self.memory.read_u32(place)? as i32;
            let bytes = |index: u32| u64::from(index) * self.rules.instruction_size;
            // What has not begun stands at its first line.
            return Ok(Some(u32::try_from(index).map_or(0, bytes)));
        };
        Ok(self.memory.read_u64(place)?.checked_sub(code.saturating_add(first)))
    }

    fn code(&mut self, address: u64) -> Result<Code> {
        self.check_code(address)?;
        let word = |at: u64| field(self.memory, address, at);
        let text = |at: u64, most: usize| -> Result<Arc<str>> {
            let text = self.names.text(word(at)?, most);
            Ok(text.map_or("?".into(), |text| clean(&text, most).into()))
        };
        let lines = word(self.places.lines)?;
        let longer = self.names.difference.header;
        let size = field(self.memory, lines, 16 + longer)?;
        if size > MOST_LINES {
            return Err(nonsense(format!("a table of lines has {size} bytes")));
        }
        let mut bytes = vec![0; size as usize];
        self.memory.read(lines.saturating_add(32 + longer), &mut bytes)?;
        let first = self.memory.read_u32(address.saturating_add(self.places.first_line))?;
        Ok(Code {
            function: text(self.places.name, LONGEST_NAME)?,
            file: text(self.places.filename, LONGEST_FILE)?,
            first_line: i64::from(first as i32),
            lines: bytes,
        })
    }

    /// Refuses what is no code object.
    fn check_code(&mut self, address: u64) -> Result<()> {
        let longer = self.names.difference.header;
        let kind = field(self.memory, address, 8 + longer)?;
        if self.code_type == Some(kind) {
            return Ok(());
        }
        let name = self.memory.read_cstr(field(self.memory, kind, 24 + longer)?, 8)?;
        if name.as_deref() != Some(b"code") {
            return Err(nonsense(format!("{address:#x} is no code object")));
        }
        self.code_type = Some(kind);
        Ok(())
    }
}
