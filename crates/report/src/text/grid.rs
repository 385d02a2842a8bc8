//! Tables with aligned columns.

use std::io;

use super::page::{Page, Paint};
use crate::clean::columns;
use crate::view::View;

/// Blanks before a row, and how many fewer there are before the title.
const INDENT: usize = 4;
const OUTDENT: usize = 2;
/// Blanks between columns.
const GAP: usize = 2;
/// The narrowest first column.
const KEY: usize = 12;
/// The widest name of a measure.
const MEASURE: usize = 16;

/// A table with its title above the keys, numbers to the right. Columns are left out from the
/// right (share, rate) where the page is too narrow for them.
pub(super) fn table(page: &mut Page<'_>, view: &View) -> io::Result<()> {
    let cell = |column: usize, text: &str| {
        if column == 1 { page.short(text, MEASURE) } else { page.scrub(text).into_owned() }
    };
    let lines: Vec<Vec<String>> = view
        .lines
        .iter()
        .map(|line| line.iter().enumerate().map(|(c, text)| cell(c, text)).collect())
        .collect();
    let widths = widths(page, view, &lines);
    let key = widths.first().copied().unwrap_or(KEY);
    page.painted(Paint::Plain, &head(page, view, &widths), "")?;
    for line in &lines {
        let first = page.short(line.first().map_or("", String::as_str), key);
        page.painted(Paint::Plain, "", &row(INDENT, &first, line, &widths))?;
    }
    match &view.rest {
        Some(rest) => page.wrapped("    ", "    ", rest),
        None => Ok(()),
    }
}

/// The title takes the place of the name of the first column, and stands out by two columns.
fn head(page: &Page<'_>, view: &View, widths: &[usize]) -> String {
    let title = page.short(&view.title, widths.first().copied().unwrap_or(KEY) + OUTDENT);
    let names: Vec<String> = view.head.iter().map(|&h| h.to_owned()).collect();
    row(INDENT - OUTDENT, &title, &names, widths)
}

/// The columns that fit, and how wide they are.
fn widths(page: &Page<'_>, view: &View, lines: &[Vec<String>]) -> Vec<usize> {
    let page_width = page.style().width;
    let of = |c: usize| {
        let cells = lines.iter().filter_map(|l| l.get(c)).map(|t| columns(t));
        cells.chain([columns(view.head.get(c).copied().unwrap_or_default())]).max().unwrap_or(0)
    };
    let mut rest: Vec<usize> = (1..view.head.len()).map(of).collect();
    let taken = |rest: &[usize]| INDENT + rest.iter().map(|w| w + GAP).sum::<usize>();
    while rest.len() > 2 && taken(&rest) + KEY > page_width {
        rest.pop();
    }
    let title = columns(&page.scrub(&view.title)).saturating_sub(OUTDENT);
    let key = of(0).max(title).clamp(KEY, page_width.saturating_sub(taken(&rest)).max(KEY));
    std::iter::once(key).chain(rest).collect()
}

/// A row: the first two columns to the left, numbers to the right.
fn row(indent: usize, first: &str, cells: &[String], widths: &[usize]) -> String {
    let key = INDENT + widths.first().copied().unwrap_or(KEY);
    let mut line = pad_right(&format!("{}{first}", " ".repeat(indent)), key);
    for (column, width) in widths.iter().enumerate().skip(1) {
        let text = cells.get(column).map_or("", String::as_str);
        line.push_str(&" ".repeat(GAP));
        if column == 1 {
            line.push_str(&pad_right(text, *width));
        } else {
            line.push_str(&" ".repeat(width.saturating_sub(columns(text))));
            line.push_str(text);
        }
    }
    line
}

fn pad_right(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}
