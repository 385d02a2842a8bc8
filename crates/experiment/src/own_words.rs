//! What the interpreter's allocator says of itself: `sys._debugmallocstats()`, run by the
//! interpreter, with what it prints caught.

use probe::{Error, ErrorKind, Result};

use crate::deliver::{Options, Recipient};

/// Points standard error at a file in memory for as long as that prints, and forwards what others
/// print meanwhile.
const CODE: &str = include_str!("own_words.py");

/// The text that it prints.
///
/// # Errors
/// Those of [`Recipient::deliver`]; [`ErrorKind::InvalidData`] when no text came.
pub fn debugmallocstats(recipient: &Recipient, options: Options<'_>) -> Result<String> {
    let delivery = recipient.deliver(CODE, options)?;
    let text = delivery.results.first().and_then(|json| serde_json::from_str(json).ok());
    text.ok_or_else(|| Error::new(ErrorKind::InvalidData, "sys._debugmallocstats() said nothing"))
}
