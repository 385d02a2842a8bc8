//! Reading the memory of another process behind one seam.
//!
//! Parsers are written against [`ReadMemory`]; whether the bytes come from a live process, a
//! frozen copy or a test's own segments is not their business. Whatever comes back is hostile:
//! lengths found in it must be bounded before they are used.

pub(crate) mod access;
mod cached;
mod fake;
mod live;
#[cfg(feature = "remote")]
mod write;

use probe::{Error, ErrorKind, Result};

pub use access::explain as explain_access;
pub use cached::CachedMemory;
pub use fake::FakeMemory;
pub use live::LiveMemory;
#[cfg(feature = "remote")]
pub use write::WriteMemory;

/// The smallest page of any supported machine, bytes: the step in which a read goes on after a
/// page that cannot be read.
const PAGE: u64 = 4096;

/// Memory that can be read by address.
pub trait ReadMemory {
    /// Reads up to `buf.len()` bytes at `addr` and returns how many came: the part in front of
    /// the first page that cannot be read, perhaps none.
    ///
    /// # Errors
    /// When memory cannot be read at all: no permission, the process has ended.
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize>;

    /// Fills `buf` from `addr`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when part of it cannot be read; those of
    /// [`ReadMemory::read_prefix`].
    fn read(&self, addr: u64, buf: &mut [u8]) -> Result<()> {
        let read = self.read_prefix(addr, buf)?;
        if read == buf.len() {
            return Ok(());
        }
        let gap = addr.saturating_add(read as u64);
        Err(Error::new(ErrorKind::InvalidData, format!("address {gap:#x} cannot be read")))
    }

    /// Reads a range that may have holes, page by page behind each hole, and returns the bytes
    /// that could not be read. They are zero in `buf`.
    ///
    /// # Errors
    /// Those of [`ReadMemory::read_prefix`].
    fn read_with_holes(&self, addr: u64, buf: &mut [u8]) -> Result<u64> {
        let (mut done, mut missing) = (0, 0);
        while done < buf.len() {
            let at = addr.saturating_add(done as u64);
            done += self.read_prefix(at, &mut buf[done..])?;
            if done < buf.len() {
                let at = addr.saturating_add(done as u64);
                let hole = ((PAGE - at % PAGE) as usize).min(buf.len() - done);
                buf[done..done + hole].fill(0);
                done += hole;
                missing += hole as u64;
            }
        }
        Ok(missing)
    }

    /// A word of 64 bits in the byte order of this machine.
    ///
    /// # Errors
    /// Those of [`ReadMemory::read`].
    fn read_u64(&self, addr: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read(addr, &mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    /// A word of 32 bits in the byte order of this machine.
    ///
    /// # Errors
    /// Those of [`ReadMemory::read`].
    fn read_u32(&self, addr: u64) -> Result<u32> {
        let mut bytes = [0; 4];
        self.read(addr, &mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    /// Bytes up to the first NUL, at most `most` of them; `None` if there is no NUL by then.
    ///
    /// # Errors
    /// Those of [`ReadMemory::read`].
    fn read_cstr(&self, addr: u64, most: usize) -> Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; most.min(1 << 16)];
        let read = self.read_prefix(addr, &mut bytes)?;
        if read == 0 && most > 0 {
            return Err(Error::new(
                ErrorKind::InvalidData,
                format!("address {addr:#x} cannot be read"),
            ));
        }
        bytes.truncate(read);
        Ok(bytes.iter().position(|&b| b == 0).map(|end| {
            bytes.truncate(end);
            bytes
        }))
    }
}

impl<M: ReadMemory + ?Sized> ReadMemory for &M {
    fn read_prefix(&self, addr: u64, buf: &mut [u8]) -> Result<usize> {
        (**self).read_prefix(addr, buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake() -> FakeMemory {
        let mut memory = FakeMemory::default();
        memory.add(0x1000, vec![1; 0x1000]);
        memory.add(0x3000, b"hello\0world".to_vec());
        memory
    }

    /// A page that cannot be read costs that page and nothing behind it.
    #[test]
    fn a_hole_is_skipped_and_counted() {
        let mut buf = vec![0xff; 0x2005];
        assert_eq!(fake().read_with_holes(0x1000, &mut buf).unwrap(), 0x1000);
        assert!(buf[..0x1000].iter().all(|&b| b == 1));
        assert!(buf[0x1000..0x2000].iter().all(|&b| b == 0));
        assert_eq!(&buf[0x2000..], b"hello");
    }

    /// The error names the first byte that is missing.
    #[test]
    fn a_read_is_whole_or_an_error() {
        let error = fake().read(0x1ffc, &mut [0; 8]).unwrap_err();
        assert_eq!(error.to_string(), "address 0x2000 cannot be read");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert_eq!(fake().read_u32(0x1ffc).unwrap(), 0x0101_0101);
        assert!(fake().read_u64(u64::MAX - 3).is_err());
    }

    #[test]
    fn strings_are_bounded() {
        assert_eq!(fake().read_cstr(0x3000, 100).unwrap().unwrap(), b"hello");
        assert_eq!(fake().read_cstr(0x3000, 5).unwrap(), None);
        assert_eq!(fake().read_cstr(0x3006, 100).unwrap(), None);
        assert!(fake().read_cstr(0x9000, 5).is_err());
    }
}
