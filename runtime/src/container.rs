//! How much memory the container may use and how much it uses: the kernel's control groups, version 1 and 2.

use std::fs;
use std::path::{Path, PathBuf};

/// Numbers above that mean that there is no limit; version 1 writes the largest multiple of a page.
const NO_LIMIT: u64 = 1 << 60;

/// A container with a limit.
#[derive(Debug)]
pub struct Container {
    limit: u64,
    usage: PathBuf,
    statistics: PathBuf,
    /// The line that tells how much of the usage is files that the kernel drops before it ends a process.
    droppable: &'static str,
}

impl Container {
    /// The container of this process, if its memory is limited.
    #[must_use]
    pub fn find() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        Self::of(&groups, Path::new("/sys/fs/cgroup"))
    }

    fn of(groups: &str, mount: &Path) -> Option<Self> {
        let path = |wanted: &dyn Fn(&str) -> bool| {
            groups.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                wanted(controllers).then(|| path.trim_start_matches('/').to_owned())
            })
        };
        let first =
            path(&|controllers| controllers.split(',').any(|name| name == "memory")).and_then(|path| {
                let files = ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "];
                Self::at(&mount.join("memory"), &path, files)
            });
        first.or_else(|| {
            let files = ["memory.max", "memory.current", "inactive_file "];
            path(&str::is_empty).and_then(|path| Self::at(mount, &path, files))
        })
    }

    /// In a container the mounted folder is the group itself, wherever the host has it.
    fn at(mount: &Path, path: &str, [limit, usage, droppable]: [&'static str; 3]) -> Option<Self> {
        let folder =
            [mount.join(path), mount.to_owned()].into_iter().find(|folder| folder.join(limit).exists())?;
        let limit = number(&folder.join(limit))?;
        let (usage, statistics) = (folder.join(usage), folder.join("memory.stat"));
        (limit < NO_LIMIT).then_some(Self { limit, usage, statistics, droppable })
    }

    /// What it may use, in bytes.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// What it uses in bytes, without what the kernel could drop if that is asked for: reading it takes longer.
    #[must_use]
    pub fn used(&self) -> Option<u64> {
        number(&self.usage)
    }

    /// Of [`Container::used`], the files that the kernel drops before it ends a process.
    #[must_use]
    pub fn droppable(&self) -> u64 {
        let statistics = fs::read_to_string(&self.statistics).unwrap_or_default();
        let line = statistics.lines().find_map(|line| line.strip_prefix(self.droppable));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
    }
}

/// `max` is no number, and no limit.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let mount = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = mount.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        mount
    }

    #[test]
    fn both_versions_are_read_inside_and_outside_of_a_container() {
        for (groups, files) in [
            (
                "0::/\n",
                [
                    ("memory.max", "1000\n"),
                    ("memory.current", "900\n"),
                    ("memory.stat", "anon 1\ninactive_file 40\n"),
                ],
            ),
            (
                "0::/a/b\n",
                [
                    ("a/b/memory.max", "1000"),
                    ("a/b/memory.current", "900"),
                    ("a/b/memory.stat", "inactive_file 40"),
                ],
            ),
            (
                "5:memory:/kubepods/x\n0::/\n",
                [
                    ("memory/memory.limit_in_bytes", "1000"),
                    ("memory/memory.usage_in_bytes", "900"),
                    ("memory/memory.stat", "inactive_file 1\ntotal_inactive_file 40"),
                ],
            ),
        ] {
            let mount = folder(&files);
            let container = Container::of(groups, mount.path()).unwrap();
            let seen = (container.limit(), container.used(), container.droppable());
            assert_eq!(seen, (1000, Some(900), 40), "{groups:?}");
        }
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_watch() {
        for (groups, files) in [
            ("0::/\n", vec![("memory.max", "max\n")]),
            ("4:memory:/\n", vec![("memory/memory.limit_in_bytes", "9223372036854771712\n")]),
            ("0::/\n", vec![]),
            ("", vec![]),
        ] {
            let mount = folder(&files);
            assert!(Container::of(groups, mount.path()).is_none(), "{groups:?} {files:?}");
        }
    }
}
