//! Folders whose files are watched. A look at the folders finds what is whole; the kernel tells when to look.
//!
//! A file is whole when nobody has it open for writing, as far as this process may see, and it was the same for a while. Names,
//! and what becomes of files, are not known here. Links are not followed.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    fcntl::OFlag,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify},
};
use tokio::sync::Notify;

/// How long a file must have been the same.
const SETTLED: Duration = Duration::from_secs(2);

/// What tells one state of a file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    bytes: u64,
    modified_ns: i128,
    device: u64,
    inode: u64,
}

/// A file that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was written last, in nanoseconds since 1970.
    pub modified_ns: i128,
}

/// What was seen of files.
#[derive(Debug)]
pub struct FolderWatch {
    folders: Vec<PathBuf>,
    changes: Changes,
    /// Files as they were seen first in their present state.
    seen: HashMap<PathBuf, (Mark, Instant)>,
    /// Files that were told of, as they were then.
    told: HashMap<PathBuf, Mark>,
}

/// What wakes a watcher when something changes.
#[derive(Clone, Debug)]
pub struct Changes {
    inotify: Arc<Inotify>,
    woken: Arc<Notify>,
}

impl Changes {
    fn listen() -> io::Result<Self> {
        let changes = Self {
            inotify: Arc::new(Inotify::init(InitFlags::IN_CLOEXEC)?),
            woken: Arc::default(),
        };
        let Self { inotify, woken } = changes.clone();
        // It waits in the kernel, and ends with the process.
        std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                while inotify.read_events().is_ok() {
                    woken.notify_one();
                }
            })?;
        Ok(changes)
    }

    /// Waits until something changes.
    pub async fn wait(&self) {
        self.woken.notified().await;
    }

    /// Asks to be told of a folder. One that is told of already, or that the kernel cannot watch, is looked at from time to time anyway.
    fn follow(&self, folder: &Path) {
        let of = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_ONLYDIR;
        self.inotify.add_watch(folder, of).ok();
    }
}

impl FolderWatch {
    /// Watches these folders, and all folders in them.
    pub fn new(folders: Vec<PathBuf>) -> io::Result<Self> {
        Ok(Self {
            folders,
            changes: Changes::listen()?,
            seen: HashMap::new(),
            told: HashMap::new(),
        })
    }

    /// What wakes its owner.
    pub fn changes(&self) -> Changes {
        self.changes.clone()
    }

    /// Looks at the folders: files that became whole since the last look, of those that are wanted. Each is told of once in each state.
    pub fn look(&mut self, wanted: impl Fn(&Path) -> bool) -> Vec<WholeFile> {
        let mut found = BTreeMap::new();
        for folder in &self.folders {
            walk(folder, &self.changes, &wanted, &mut found);
        }
        self.told.retain(|path, _| found.contains_key(path));
        self.seen.retain(|path, _| found.contains_key(path));
        let now = Instant::now();
        let mut settled = Vec::new();
        for (path, mark) in found {
            if self.told.get(&path) == Some(&mark) {
                continue;
            }
            let (seen, since) = self.seen.entry(path.clone()).or_insert((mark, now));
            if *seen != mark {
                (*seen, *since) = (mark, now);
            }
            if now.duration_since(*since) >= SETTLED {
                settled.push((path, mark));
            }
        }
        if !settled.is_empty() {
            let written = open_for_writing();
            settled.retain(|(_, mark)| !written.contains(&(mark.device, mark.inode)));
        }
        let whole = settled.into_iter().map(|(path, mark)| {
            self.seen.remove(&path);
            self.told.insert(path.clone(), mark);
            WholeFile {
                path,
                bytes: mark.bytes,
                modified_ns: mark.modified_ns,
            }
        });
        whole.collect()
    }

    /// Tells of a file once more, in the next look.
    pub fn forget(&mut self, path: &Path) {
        self.told.remove(path);
    }

    /// Whether there are files that may become whole without another sign.
    pub fn is_waiting(&self) -> bool {
        !self.seen.is_empty()
    }
}

/// Finds all files below a folder that are wanted, and asks to be told of the folders. What cannot be read now is found later.
fn walk(
    folder: &Path,
    changes: &Changes,
    wanted: &impl Fn(&Path) -> bool,
    found: &mut BTreeMap<PathBuf, Mark>,
) {
    // First this, so that what comes after the look is told of.
    changes.follow(folder);
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        // Of a link these are the link's own.
        let Ok(facts) = entry.metadata() else {
            continue;
        };
        if facts.is_dir() {
            walk(&path, changes, wanted, found);
        } else if facts.is_file() && facts.len() > 0 && wanted(&path) {
            found.insert(path, mark(&facts));
        }
    }
}

fn mark(facts: &Metadata) -> Mark {
    Mark {
        bytes: facts.len(),
        modified_ns: i128::from(facts.mtime()) * 1_000_000_000 + i128::from(facts.mtime_nsec()),
        device: facts.dev(),
        inode: facts.ino(),
    }
}

/// Files that processes have open for writing, as far as this one may see.
fn open_for_writing() -> HashSet<(u64, u64)> {
    let folders = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten();
        entries.filter_map(Result::ok).map(|entry| entry.path())
    };
    let processes = folders(Path::new("/proc"));
    let files = processes.flat_map(|process| {
        let open = folders(&process.join("fd")).collect::<Vec<_>>();
        open.into_iter().filter_map(move |file| {
            let number = file.file_name()?;
            let told = fs::read_to_string(process.join("fdinfo").join(number)).ok()?;
            let flags = told.lines().find_map(|line| line.strip_prefix("flags:"))?;
            let flags = i32::from_str_radix(flags.trim(), 8).ok()?;
            let mode = OFlag::from_bits_truncate(flags) & OFlag::O_ACCMODE;
            if mode == OFlag::O_RDONLY {
                return None;
            }
            let facts = fs::metadata(&file).ok().filter(Metadata::is_file)?;
            Some((facts.dev(), facts.ino()))
        })
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write as _};

    use super::*;

    fn eventually(watch: &mut FolderWatch) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let whole = watch.look(|_| true);
            if !whole.is_empty() {
                let name =
                    |file: &WholeFile| file.path.file_name().unwrap().to_str().unwrap().to_owned();
                return whole.iter().map(name).collect();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[test]
    fn a_file_is_told_of_once_when_its_writer_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mov");
        let mut watch = FolderWatch::new(vec![folder.path().to_owned()]).unwrap();
        let mut file = File::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        let begun = Instant::now();
        while begun.elapsed() < SETTLED * 2 {
            assert!(watch.look(|_| true).is_empty(), "it is still open");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(watch.is_waiting());
        drop(file);
        assert_eq!(eventually(&mut watch), ["a.mov"]);
        assert!(watch.look(|_| true).is_empty() && !watch.is_waiting());
        watch.forget(&path);
        assert_eq!(eventually(&mut watch), ["a.mov"]);
        fs::write(&path, "written anew").unwrap();
        assert_eq!(eventually(&mut watch), ["a.mov"]);
    }

    #[test]
    fn folders_within_are_watched_and_what_is_not_wanted_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = FolderWatch::new(vec![folder.path().to_owned()]).unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("in/a.mov"), "a").unwrap();
        fs::write(folder.path().join("in/empty.mov"), "").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("in/link")).unwrap();
        assert_eq!(eventually(&mut watch), ["a.mov"]);
        fs::write(folder.path().join("in/b.mov"), "b").unwrap();
        let begun = Instant::now();
        while begun.elapsed() < SETTLED * 2 {
            let unwanted = watch.look(|path| !path.ends_with("b.mov"));
            assert!(unwanted.is_empty());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    #[tokio::test]
    async fn a_change_wakes() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = FolderWatch::new(vec![folder.path().to_owned()]).unwrap();
        watch.look(|_| true);
        let changes = watch.changes();
        fs::write(folder.path().join("a.mov"), "a").unwrap();
        let woken = tokio::time::timeout(Duration::from_secs(60), changes.wait());
        woken.await.unwrap();
    }
}
