//! Lines of a hostile stream, with a cap on how much of one is held in memory.

use std::io::{self, BufRead};

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line that ended with a line end (not part of it).
    Whole(Vec<u8>),
    /// The stream ended within the line.
    Cut(Vec<u8>),
    /// The line is longer than the cap and was skipped; `ended` tells whether it had an end.
    TooLong { ended: bool },
}

/// Reads lines and knows where it is.
#[derive(Debug)]
pub(super) struct Lines<R> {
    stream: R,
    cap: usize,
    offset: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(stream: R, cap: usize) -> Self {
        Self { stream, cap, offset: 0 }
    }

    /// Bytes consumed so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The first byte of what comes next, without consuming it.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(fill(&mut self.stream)?.first().copied())
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut too_long = false;
        let mut any = false;
        loop {
            let chunk = fill(&mut self.stream)?;
            if chunk.is_empty() {
                return Ok(match (any, too_long) {
                    (false, _) => None,
                    (true, true) => Some(Line::TooLong { ended: false }),
                    (true, false) => Some(Line::Cut(line)),
                });
            }
            any = true;
            let end = chunk.iter().position(|&b| b == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            if !too_long && line.len() + part.len() <= self.cap {
                line.extend_from_slice(part);
            } else {
                too_long = true;
                line = Vec::new();
            }
            let used = part.len() + usize::from(end.is_some());
            self.stream.consume(used);
            self.offset += used as u64;
            if end.is_some() {
                let whole =
                    if too_long { Line::TooLong { ended: true } } else { Line::Whole(line) };
                return Ok(Some(whole));
            }
        }
    }
}

/// `fill_buf` that goes on after an interruption.
fn fill<R: BufRead>(stream: &mut R) -> io::Result<&[u8]> {
    loop {
        match stream.fill_buf() {
            Ok(_) => break,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    // The buffer is filled, so this neither reads nor fails; asked again because the borrow
    // of the call above cannot leave the loop.
    stream.fill_buf()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn all(bytes: &[u8], cap: usize, buffer: usize) -> Vec<Line> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, bytes), cap);
        let mut out = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            out.push(line);
        }
        assert_eq!(lines.offset(), bytes.len() as u64);
        out
    }

    /// Whatever the size of the buffer, the lines are the same.
    #[test]
    fn lines_do_not_depend_on_the_buffer() {
        for buffer in 1..20 {
            let lines = all(b"ab\n\nabcdefgh\nxyz", 5, buffer);
            let want = [
                Line::Whole(b"ab".into()),
                Line::Whole(b"".into()),
                Line::TooLong { ended: true },
                Line::Cut(b"xyz".into()),
            ];
            assert_eq!(lines, want, "buffer of {buffer}");
            assert_eq!(all(b"abcdefgh", 5, buffer), [Line::TooLong { ended: false }]);
        }
        assert_eq!(all(b"", 5, 1), []);
    }
}
