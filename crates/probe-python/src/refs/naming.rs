//! What modules, functions, types, code and frames are called.

use target::memory::ReadMemory;

use super::frames::CodeLayout;
use super::plan::{Plan, Special};
use super::walker::{This, Walker};
use crate::census::names::clean;
use crate::census::types::Kind;

/// The longest name that is read, bytes.
const LONGEST: u64 = 256;

/// Reads names.
pub(crate) struct Namer<'w, 'a, M> {
    pub(crate) walker: &'w mut Walker<'a, M>,
}

impl<M: ReadMemory> Namer<'_, '_, M> {
    /// A text of ASCII or Latin letters.
    pub(crate) fn text(&mut self, at: u64) -> Option<String> {
        self.walker.index.get(at)?;
        let pages = &mut self.walker.pages;
        let state = pages.half(at + 32);
        let form = &self.walker.rules.text;
        let (kind, is_compact, is_ascii) = (state >> 2 & 7, state >> 5 & 1, state >> 6 & 1);
        if is_compact == 0 || !matches!(kind, 1 | 2 | 4) {
            return None;
        }
        let units = pages.word(at + 16).min(LONGEST) as usize;
        let start = at + if is_ascii == 1 { form.ascii } else { form.compact };
        let mut bytes = vec![0; units * kind as usize];
        pages.bytes(start, &mut bytes);
        let unit = |unit: &[u8]| {
            let code = unit.iter().rev().fold(0, |code, &byte| code << 8 | u32::from(byte));
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        let text: String = bytes.chunks_exact(kind as usize).map(unit).collect();
        Some(clean(&text, LONGEST as usize))
    }

    fn text_at(&mut self, place: u64) -> Option<String> {
        let at = self.walker.pages.word(place);
        self.text(at)
    }

    /// What an object is called, if it is of a kind that has a name.
    pub(crate) fn of(&mut self, this: This, plan: &Plan) -> Option<String> {
        let at = this.address;
        match plan.special {
            Special::Module => {
                let name = if self.walker.rules.minor >= 15 { 40 } else { 48 };
                self.text_at(at + name)
            }
            Special::Function => self.function(at),
            Special::Code => {
                let (name, place) = self.code_parts(at);
                Some(format!("{name} ({place})"))
            }
            _ if plan.shape.kind == Kind::Frame => {
                let code = match super::frames::FrameLayout::of(self.walker.rules) {
                    None => self.walker.pages.word(at + 32),
                    Some(layout) => {
                        let data = self.walker.pages.word(at + 24);
                        self.walker.pages.word(data.saturating_add(layout.code)) & !3
                    }
                };
                let (name, place) = self.code_parts(code);
                Some(format!("{name} ({place})"))
            }
            _ => None,
        }
    }

    fn function(&mut self, at: u64) -> Option<String> {
        let (qualname, module) = if self.walker.rules.minor < 10 { (104, 88) } else { (40, 104) };
        let name = self.text_at(at + qualname)?;
        Some(match self.text_at(at + module) {
            Some(module) => clean(&format!("{module}.{name}"), LONGEST as usize),
            None => name,
        })
    }

    /// The name of a code object, and `file:line`.
    pub(crate) fn code_parts(&mut self, at: u64) -> (String, String) {
        if self.walker.index.get(at).is_none() {
            return ("?".into(), "?".into());
        }
        let layout = CodeLayout::of(self.walker.rules);
        let name = self.text_at(at + layout.name).unwrap_or_else(|| "?".into());
        let file = self.text_at(at + layout.file).unwrap_or_else(|| "?".into());
        (name, format!("{file}:{}", self.walker.pages.half(at + layout.line)))
    }

    /// The cells of a function's closure with the names of their variables.
    pub(crate) fn cells(&mut self, at: u64) -> Vec<(u32, String)> {
        const MOST_CELLS: u64 = 256;
        let rules = self.walker.rules;
        let (code, closure) = if rules.minor < 10 { (16, 48) } else { (48, 72) };
        let [code, closure] = [code, closure].map(|offset| self.walker.pages.word(at + offset));
        if self.walker.index.get(code).is_none() || self.walker.index.get(closure).is_none() {
            return Vec::new();
        }
        let layout = CodeLayout::of(rules);
        // Up to 3.10 they have a tuple of their own, later they are the last of all variables.
        let tuple = layout.names + if rules.minor < 11 { 8 } else { 0 };
        let names = self.walker.pages.word(code + tuple);
        let count = self.walker.pages.word(closure + 16).min(MOST_CELLS);
        let all = self.walker.pages.word(names.saturating_add(16));
        let Some(first) = all.checked_sub(count) else { return Vec::new() };
        let mut cells = Vec::new();
        for number in 0..count {
            let cell = self.walker.pages.word(closure + rules.tuple_items + 8 * number);
            let place = first.saturating_add(number).saturating_mul(8);
            let name = self.text_at(names.saturating_add(rules.tuple_items).saturating_add(place));
            cells.extend(self.walker.index.get(cell).zip(name));
        }
        cells
    }
}
