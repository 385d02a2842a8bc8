//! Code that runs in the process: for experiments that no word of its memory makes.

use std::time::Duration;

use experiment::deliver::{Kept, Options, Order, Recipient, RemoteDebug};
use probe::tables::levers as t;
use probe::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;

use super::stage::Stage;
use crate::args::DeliveryArgs;
use crate::guardian::Guardian;

/// A process to which code can be delivered. Other experiments are kept away from it.
pub(super) struct Delivery {
    recipient: Recipient,
    /// Takes back what has not run if memprobe is killed.
    guardian: Guardian,
    patience: Duration,
}

impl Delivery {
    /// Looks whether the process takes code.
    ///
    /// # Errors
    /// Those of [`Recipient::open`].
    pub(super) fn open(stage: &mut Stage, args: &DeliveryArgs) -> Result<Self> {
        // A Python without these words has another way.
        let remote = stage.ask(&["levers"]).ok();
        let remote = remote.and_then(|levers| RemoteDebug::from_levers(levers.table(t::TABLE)?));
        let recipient = Recipient::open(&stage.target, remote)?;
        Ok(Self { recipient, guardian: Guardian::start()?, patience: args.patience })
    }

    /// What is to be said of it beforehand.
    pub(super) fn announced(&self, what: &str) -> String {
        format!(
            "has the interpreter run a few lines on its main thread ({}): {what}; nothing of them \
             stays",
            self.recipient.way()
        )
    }

    /// Has some lines run, and returns what they said.
    ///
    /// # Errors
    /// Those of [`Recipient::deliver`], or when they said nothing that can be understood.
    pub(super) fn run<T: DeserializeOwned>(&self, code: &str) -> Result<T> {
        let note = |order: Option<&Order>| self.guardian.watch_delivery(order);
        let options = Options { patience: self.patience, note: &note, ..Options::default() };
        let delivery = self.recipient.deliver(code, options)?;
        self.said(delivery.results.last())
    }

    /// Has some lines run that leave something to be undone. `note` is told of that.
    ///
    /// # Errors
    /// Those of [`Recipient::deliver`].
    pub(super) fn run_to_keep<'a>(&'a self, code: &str, note: Note<'a>) -> Result<Kept<'a>> {
        let options = Options { patience: self.patience, note, ..Options::default() };
        self.recipient.deliver_to_keep(code, options)
    }

    /// Who is to be told what has to be taken back or undone.
    pub(super) fn note(&self, order: Option<&Order>) {
        self.guardian.watch_delivery(order);
    }

    /// What the code said, understood.
    ///
    /// # Errors
    /// When it cannot be.
    pub(super) fn said<T: DeserializeOwned>(&self, result: Option<&String>) -> Result<T> {
        serde_json::from_str(result.map_or("null", String::as_str)).map_err(|error| {
            let message = "what the code in the process said makes no sense";
            Error::new(ErrorKind::InvalidData, message).with_source(error)
        })
    }
}

/// Told what has to be taken back or undone; `None`: nothing any more.
pub(super) type Note<'a> = &'a dyn Fn(Option<&Order>);
