//! The few things the journal asks of a disk, so that a test can put a failing one in its place.
//!
//! Kept true here:
//! * nothing is durable before its own `sync`, no name before `sync_directory` of its folder;
//! * `create` never touches a file that exists.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::Path;
use std::time::SystemTime;

/// Reading from any place of a file.
pub trait ReadFile: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadFile for T {}

/// A new file that only grows.
pub trait AppendFile: Send {
    /// Add bytes at the end; all of them or an error.
    ///
    /// # Errors
    /// The disk is full or gone; any part of the bytes may be in the file.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Return when all that was appended is durable.
    ///
    /// # Errors
    /// What is durable is unknown; a second call proves nothing.
    fn sync(&mut self) -> io::Result<()>;

    /// Whether this path is a name of this very file, and not of another that took its place.
    ///
    /// # Errors
    /// `NotFound` where nothing has the name, or as the system says.
    fn is_at(&self, path: &Path) -> io::Result<bool>;
}

/// One file of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the directory.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written; `None` where the system does not know.
    pub modified: Option<SystemTime>,
}

/// Held while a directory has its one writer; dropping it lets another in.
pub trait Lock: Send {}

/// A disk.
pub trait Storage: Send + Sync {
    /// Make one directory; `secret`: only the owner may look in. [`ensure_directory`] makes its parents too.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound` where its parent is missing, or as the system says.
    fn create_directory(&self, path: &Path, secret: bool) -> io::Result<()>;
    /// Make a file that does not exist; `secret`: only the owner may read it (0600).
    ///
    /// # Errors
    /// `AlreadyExists`, or as the system says.
    fn create(&self, path: &Path, secret: bool) -> io::Result<Box<dyn AppendFile>>;
    /// Return when all that is in a file is durable, whoever wrote it.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Open a file for reading.
    ///
    /// # Errors
    /// As the system says.
    fn read(&self, path: &Path) -> io::Result<Box<dyn ReadFile>>;
    /// Give a file another name, in place of any file of that name.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Remove a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Return when the names in a directory are durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
    /// The files of a directory, in any order; folders are left out.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>>;
    /// Bytes an unprivileged process may still write.
    ///
    /// # Errors
    /// As the system says.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
    /// Become the one holder of a lock file.
    ///
    /// # Errors
    /// `WouldBlock` while another holds it, or as the system says.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSystem;

struct Held {
    _file: File,
}

impl Lock for Held {}

impl AppendFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;
        // A link that leads here is another file: a start would not take it for a segment.
        let (named, own) = (fs::symlink_metadata(path)?, self.metadata()?);
        Ok((named.dev(), named.ino()) == (own.dev(), own.ino()))
    }
}

impl Storage for FileSystem {
    fn create_directory(&self, path: &Path, secret: bool) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().mode(if secret { 0o700 } else { 0o755 }).create(path)
    }

    fn create(&self, path: &Path, secret: bool) -> io::Result<Box<dyn AppendFile>> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mode = if secret { 0o600 } else { 0o644 };
        Ok(Box::new(OpenOptions::new().append(true).create_new(true).mode(mode).open(path)?))
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_data()
    }

    fn read(&self, path: &Path) -> io::Result<Box<dyn ReadFile>> {
        Ok(Box::new(File::open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for found in fs::read_dir(directory)? {
            let found = found?;
            // Between listing and asking, retention may have removed it.
            let Ok(about) = found.metadata() else { continue };
            if let (true, Ok(name)) = (about.is_file(), found.file_name().into_string()) {
                entries.push(Entry { name, bytes: about.len(), modified: about.modified().ok() });
            }
        }
        Ok(entries)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let about = rustix::fs::statvfs(path)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(Held { _file: file })),
            Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Make a directory and its parents where they are missing, and the names of all of them durable in any case: an
/// earlier try may have made one and not come so far. None is made in one whose own name may still be lost.
///
/// # Errors
/// As the system says.
pub fn ensure_directory(storage: &dyn Storage, path: &Path, secret: bool) -> io::Result<()> {
    if path.file_name().is_none() {
        return Ok(());
    }
    ensure_directory(storage, path.parent().unwrap_or(Path::new("")), false)?;
    let is_made = match storage.create_directory(path, secret) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        made => made.map(|()| true)?,
    };
    match storage.sync_directory(above(path)) {
        // Where we may not even look in, or nothing can be synced, no earlier try of ours made a directory.
        Err(error) if !is_made && is_closed_to_us(&error) => Ok(()),
        synced => synced,
    }
}

fn is_closed_to_us(error: &io::Error) -> bool {
    let closed =
        [ErrorKind::PermissionDenied, ErrorKind::InvalidInput, ErrorKind::Unsupported, ErrorKind::ReadOnlyFilesystem];
    closed.contains(&error.kind())
}

fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether another try may go well though nobody mends anything: the system was short of something for a moment.
pub(crate) fn may_pass(error: &io::Error) -> bool {
    // ENFILE and EMFILE have no kind of their own.
    let is_short_of_descriptors = matches!(error.raw_os_error(), Some(23 | 24));
    let passing = [ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::OutOfMemory, ErrorKind::TimedOut];
    is_short_of_descriptors || passing.contains(&error.kind())
}

/// Write a whole small file so that it is either there in full or not at all.
pub(crate) fn write_whole(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    // A draft is what an earlier attempt left behind; nobody reads it.
    let _ = storage.remove(&draft);
    let mut file = storage.create(&draft, false)?;
    file.append(bytes)?;
    file.sync()?;
    drop(file);
    storage.rename(&draft, path)?;
    storage.sync_directory(above(path))
}

pub(crate) fn read_whole(storage: &dyn Storage, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    storage.read(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::may_pass;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_lack_of_descriptors_may_pass_and_a_read_error_does_not() {
        let (file_table, too_many_files, read_error) = (23, 24, 5);

        assert!(may_pass(&Error::from_raw_os_error(file_table)));
        assert!(may_pass(&Error::from_raw_os_error(too_many_files)));
        assert!(!may_pass(&Error::from_raw_os_error(read_error)));
    }

    #[test]
    fn altered_bytes_and_files_that_are_gone_do_not_pass_by_themselves() {
        assert!(may_pass(&ErrorKind::TimedOut.into()));
        assert!(!may_pass(&ErrorKind::InvalidData.into()));
        assert!(!may_pass(&ErrorKind::NotFound.into()));
    }
}
