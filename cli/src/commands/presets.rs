//! `memprobe presets`.

use std::fmt::Write as _;

use crate::args::PresetsCmd;
use crate::exit::{Exit, Failure};
use crate::output::{lines_to_stdout, to_stdout};
use crate::preset;

/// Lists the presets, or prints one.
///
/// # Errors
/// When there is no such preset, or it makes no sense.
pub fn run(action: Option<&PresetsCmd>) -> Result<Exit, Failure> {
    match action {
        Some(PresetsCmd::Show { name }) => {
            // What is printed should work: one that makes no sense is refused here too.
            preset::load(name)?;
            let (text, _) = preset::source(name)?;
            to_stdout(text.as_bytes())?;
        }
        None => {
            let own = preset::own();
            let mut text = String::new();
            let built_in = preset::BUILT_IN.iter().map(|(name, _)| (*name).to_owned());
            let built_in = built_in.filter(|name| !own.contains(name));
            for (name, origin) in
                built_in.map(|n| (n, "built in")).chain(own.iter().map(|n| (n.clone(), "yours")))
            {
                let summary = match preset::load(&name) {
                    Ok(preset) => preset.summary,
                    Err(error) => format!("not usable: {error:#}"),
                };
                let _ = writeln!(text, "{name:<10} {origin:<9} {summary}");
            }
            if let Some(folder) = preset::config_dir() {
                let _ = writeln!(text, "\nyour own go to {}", folder.display());
            }
            lines_to_stdout(&text)?;
        }
    }
    Ok(Exit::Fine)
}
