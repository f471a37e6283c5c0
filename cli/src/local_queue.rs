//! The queues that `prpc up` runs on this machine, so that other commands of the same user find them without an address.
//!
//! Each is a file with a lock that its `prpc up` holds: a file without a lock is left over from one that was killed.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A queue and where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LocalQueue {
    /// Its name.
    pub(crate) queue: String,
    /// Its broker; may hold a password.
    pub(crate) url: String,
}

/// A queue that is listed until this is dropped.
#[derive(Debug)]
pub(crate) struct Listed {
    path: PathBuf,
    _lock: File,
}

impl Drop for Listed {
    fn drop(&mut self) {
        // A file that stays is harmless: nobody holds its lock.
        let _ = fs::remove_file(&self.path);
    }
}

/// The folder of this user.
pub(crate) fn folder() -> PathBuf {
    let base = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty());
    let base = base.map_or_else(std::env::temp_dir, PathBuf::from);
    base.join(format!("prpc-{}", rustix::process::getuid().as_raw()))
}

impl LocalQueue {
    /// Lists the queue in `folder`.
    ///
    /// # Errors
    /// `AlreadyExists` when another process has this queue listed; what the system says otherwise.
    pub(crate) fn list(&self, folder: &Path) -> io::Result<Listed> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        check_owner(folder)?;
        let path = folder.join(format!("{}.json", file_name(&self.queue)));
        if read_if_running(&path).is_some() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        // Written beside its place, so that nobody reads half of it. Temporary files are readable by their owner only.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.as_file().lock()?;
        serde_json::to_writer(&mut file, self)?;
        file.flush()?;
        let lock = file.persist(&path).map_err(|error| error.error)?;
        Ok(Listed { path, _lock: lock })
    }
}

/// The queues that run now, by name.
pub(crate) fn running(folder: &Path) -> Vec<LocalQueue> {
    if check_owner(folder).is_err() {
        return Vec::new();
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    let mut queues: Vec<_> = files.filter_map(|path| read_if_running(&path)).collect();
    queues.sort();
    queues
}

/// In a folder that everybody may write to, somebody else may have made ours.
fn check_owner(folder: &Path) -> io::Result<()> {
    if fs::metadata(folder)?.uid() == rustix::process::getuid().as_raw() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "the folder belongs to another user"))
    }
}

fn read_if_running(path: &Path) -> Option<LocalQueue> {
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(fs::TryLockError::WouldBlock) => serde_json::from_reader(file).ok(),
        _ => None,
    }
}

fn file_name(queue: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    queue
        .chars()
        .map(|char| if plain(char) { char.into() } else { format!("%{:x}", u32::from(char)) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn queue(name: &str) -> LocalQueue {
        LocalQueue { queue: name.into(), url: format!("redis://127.0.0.1:1/{name}") }
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("prpc-0");
        (base, folder)
    }

    #[test]
    fn a_queue_is_found_while_it_is_listed_and_not_afterwards() {
        let (_base, folder) = folder();
        assert_eq!(running(&folder), []);
        let first = queue("b").list(&folder).unwrap();
        let second = queue("a").list(&folder).unwrap();
        assert_eq!(running(&folder), [queue("a"), queue("b")]);
        drop(first);
        assert_eq!(running(&folder), [queue("a")]);
        drop(second);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_queue_is_listed_once() {
        let (_base, folder) = folder();
        let _first = queue("a").list(&folder).unwrap();
        assert_eq!(queue("a").list(&folder).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_file_left_over_from_a_killed_process_is_passed_over_and_replaced() {
        let (_base, folder) = folder();
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.json"), serde_json::to_vec(&queue("a")).unwrap()).unwrap();
        assert_eq!(running(&folder), []);
        let _listed = queue("a").list(&folder).unwrap();
        assert_eq!(running(&folder), [queue("a")]);
    }

    #[test]
    fn only_the_user_can_read_it() {
        let (_base, folder) = folder();
        let listed = queue("../a").list(&folder).unwrap();
        assert_eq!(listed.path.parent(), Some(folder.as_path()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&listed.path)), (0o700, 0o600));
    }
}
