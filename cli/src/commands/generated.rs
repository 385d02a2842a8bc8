//! What is generated from the definition of the command line.

use clap::CommandFactory;
use clap_complete::Shell;
use probe::Error;

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::output::to_stdout;

/// Prints the completions of a shell.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    to_stdout(&completions_text(shell))?;
    Ok(Exit::Fine)
}

/// Prints the manual page.
///
/// # Errors
/// When standard output cannot be written.
pub fn man() -> Result<Exit, Failure> {
    to_stdout(&man_text().map_err(|e| Error::io(e, "cannot render the manual page"))?)?;
    Ok(Exit::Fine)
}

/// The completions of a shell.
#[must_use]
pub fn completions_text(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "memprobe", &mut text);
    text
}

/// The manual page: the command and all its subcommands.
///
/// # Errors
/// Never for a buffer in memory.
pub fn man_text() -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    for subcommand in
        command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help")
    {
        let name = format!("memprobe {}", subcommand.get_name());
        let page = clap_mangen::Man::new(subcommand.clone().name(name.leak() as &str));
        page.render_name_section(&mut text)?;
        page.render_synopsis_section(&mut text)?;
        page.render_description_section(&mut text)?;
        page.render_options_section(&mut text)?;
    }
    Ok(text)
}

/// The reference of the command line as Markdown, for the documentation.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(
        "# Command line reference\n\nGenerated from the definition of the command line; \
         `cargo xtask generate` writes it anew.\n",
    );
    let mut command = Cli::command();
    command.build();
    describe(&command, "", &mut text);
    text
}

fn describe(command: &clap::Command, parent: &str, text: &mut String) {
    let name = format!("{parent}{}", command.get_name());
    let help = command.clone().term_width(100).render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    text.push_str(&format!("\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
    for subcommand in command.get_subcommands() {
        if subcommand.get_name() != "help" && !subcommand.is_hide_set() {
            describe(subcommand, &format!("{name} "), text);
        }
    }
}
