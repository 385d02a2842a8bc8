//! Bytes that cross to the host, and what is lent by it.

use crate::abi::Bytes;
use probe::Error;

/// Hands text over to whoever owns `out`, who releases it. Does nothing where `out` is null.
///
/// # Safety
/// `out` is null or points to a structure that may be overwritten.
pub(crate) unsafe fn give(out: *mut Bytes, text: String) {
    if out.is_null() {
        return;
    }
    let text = Box::new(text);
    let bytes = Bytes {
        data: text.as_ptr(),
        len: text.len(),
        release: Some(release),
        private_data: Box::into_raw(text).cast(),
    };
    // SAFETY: not null, and the caller vouches for it. What is there is plain data.
    unsafe { out.write(bytes) };
}

/// Frees what [`give`] made.
///
/// # Safety
/// `bytes` is null or points to what [`give`] wrote, or to what this function left of it.
unsafe extern "C" fn release(bytes: *mut Bytes) {
    // SAFETY: the caller vouches for the pointer.
    let Some(bytes) = (unsafe { bytes.as_mut() }) else { return };
    let owner = std::mem::replace(bytes, Bytes::empty()).private_data;
    if !owner.is_null() {
        // SAFETY: `give` made it from a box of this type, and the line above took it away, so
        // that it is freed once.
        drop(unsafe { Box::from_raw(owner.cast::<String>()) });
    }
}

/// The form in which an error crosses: its chain, its hint and its kind.
pub(crate) fn error_json(error: &Error) -> String {
    serde_json::json!({
        "kind": error.kind(),
        "message": format!("{error:#}"),
        "hint": error.hint(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was given is there, is freed once, and a second release does nothing.
    #[test]
    fn given_bytes_are_released_once() {
        let mut bytes = Bytes::empty();
        // SAFETY: a structure of our own.
        unsafe { give(&raw mut bytes, "hello".into()) };
        // SAFETY: `give` has filled it.
        assert_eq!(unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) }, b"hello");
        let release = bytes.release.expect("set by give");
        // SAFETY: what `give` made, twice on purpose.
        unsafe {
            release(&raw mut bytes);
            release(&raw mut bytes);
            release(std::ptr::null_mut());
        }
        assert!(bytes.release.is_none() && bytes.data.is_null() && bytes.len == 0);
    }
}
