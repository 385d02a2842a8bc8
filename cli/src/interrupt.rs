//! Ctrl-C and SIGTERM: the first ends the watch and still gives the report, the second ends
//! memprobe. While a capture is written, the first removes what there is of it and ends memprobe.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, Once, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::session::Message;

/// What a shell gives for a program that was ended by SIGINT.
const STATUS: i32 = 130;

static CURRENT: Mutex<Option<Sender<Message>>> = Mutex::new(None);
static INSTALL: Once = Once::new();

/// From now on interrupts go to this session.
pub fn forward_to(session: Sender<Message>) {
    *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    INSTALL.call_once(|| {
        outlive_file_limit();
        install();
    });
}

/// From now on an interrupt removes this folder, which is not finished, and ends the program.
pub fn remove_at_end(folder: PathBuf) {
    outlive_file_limit();
    match Signals::new([SIGINT, SIGTERM]) {
        Ok(mut signals) => drop(std::thread::spawn(move || {
            if signals.forever().next().is_some() {
                // Under another name nobody puts anything into it while it is emptied.
                let going = folder.with_extension("removed");
                let _ =
                    std::fs::rename(&folder, &going).and_then(|()| std::fs::remove_dir_all(&going));
                #[expect(clippy::exit, reason = "the user has asked for it")]
                std::process::exit(STATUS);
            }
        })),
        Err(error) => tracing::warn!("Ctrl-C will leave {}: {error}", folder.display()),
    }
}

/// A file that may not grow any more is an error of that file, not our end.
fn outlive_file_limit() {
    let noticed = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, noticed) {
        tracing::debug!("SIGXFSZ is not handled: {error}");
    }
}

fn install() {
    match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => drop(std::thread::spawn(move || listen(signals))),
        Err(error) => tracing::warn!("Ctrl-C will not give a report: {error}"),
    }
}

fn listen(mut signals: Signals) {
    for _ in signals.forever() {
        let session = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).take();
        let told = session.is_some_and(|s| s.send(Message::Interrupt).is_ok());
        if !told {
            #[expect(clippy::exit, reason = "the user has asked twice")]
            std::process::exit(STATUS);
        }
    }
}
