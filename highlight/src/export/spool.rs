//! Batches on disk: stored when memory or the network cannot take them, taken back when the endpoint answers.
//!
//! A file is written under another name and renamed when it is whole, so the death of the process at any moment leaves whole
//! files. It is not synced: after a power failure the newest files may be missing or torn, and a torn one is told by its
//! checksum, set aside and counted.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use tokio::time::Instant;

use super::batch::{Batch, Spooled};
use super::buffer::Buffer;
use super::spool_file::{self, Entry};
use super::spool_home::{Abandoned, Home, directory, private};
use super::stats::DropReason;
use crate::diagnostics::say;

/// How often the files of processes that are gone are looked for.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// After the disk failed it is left alone for so long.
const REST: Duration = Duration::from_secs(30);
/// Damaged files that are kept for people to look at.
const KEPT_DAMAGED: usize = 16;
const DAMAGED: &str = "damaged";
/// A file that is being written.
const UNFINISHED: &str = "unfinished.tmp";

/// Where the spool is and how large it may grow.
#[derive(Debug, Clone)]
pub(crate) struct SpoolPlan {
    pub(crate) directory: PathBuf,
    /// Bytes of disk for the files of this process.
    pub(crate) bytes: u64,
    /// The project that what is stored belongs to.
    pub(crate) project: HeaderValue,
}

/// What became of a batch that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Done,
    /// The disk cannot be used now.
    Not,
    /// It is larger than all of the spool may be.
    TooLarge,
}

/// The spool of this process.
#[derive(Debug)]
pub(crate) struct Spool {
    plan: SpoolPlan,
    buffer: Arc<Buffer>,
    home: Option<Home>,
    /// Oldest first; without those that are being sent.
    files: VecDeque<Entry>,
    /// Bytes of disk, those that are being sent included.
    disk: u64,
    count: u32,
    look_at: Instant,
    rests_until: Option<Instant>,
    told: bool,
}

impl Spool {
    /// Opens the spool and takes over what processes that are gone have left in it.
    pub(crate) fn open(plan: SpoolPlan, buffer: Arc<Buffer>) -> Self {
        let mut spool = Spool {
            plan,
            buffer,
            home: None,
            files: VecDeque::new(),
            disk: 0,
            count: 0,
            look_at: Instant::now(),
            rests_until: None,
            told: false,
        };
        spool.look();
        spool
    }

    /// False while the disk is left alone after a failure.
    pub(crate) fn is_usable(&self) -> bool {
        self.rests_until.is_none_or(|until| until <= Instant::now())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// When to call [`look`](Self::look) again.
    pub(crate) fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Takes over the files of processes that are gone, when it is time to look for them.
    pub(crate) fn look(&mut self) {
        if self.look_at > Instant::now() {
            return;
        }
        self.look_at = Instant::now() + LOOK_EVERY;
        if let Err(error) = self.take_over() {
            self.failed(&error);
        }
    }

    fn take_over(&mut self) -> io::Result<()> {
        let home = match self.home.take() {
            Some(home) => home,
            None => Home::make(&self.plan.directory)?,
        };
        let abandoned = home.abandoned(&self.plan.directory);
        let home = &*self.home.insert(home);
        let mut outcome = Ok(());
        for theirs in abandoned? {
            outcome = outcome.and(adopt(&theirs, home, &mut self.files, &mut |entry| {
                self.disk += entry.disk;
                self.buffer.counters.inherited(entry.signal, entry.records);
            }));
            theirs.leave();
        }
        self.files
            .make_contiguous()
            .sort_by(|a, b| a.name.cmp(&b.name));
        self.make_room(0);
        outcome
    }

    /// Stores a batch, when it can.
    pub(crate) fn store(&mut self, batch: &Batch) -> Stored {
        if !self.is_usable() {
            return Stored::Not;
        }
        let stored = self.write(batch).unwrap_or_else(|error| {
            self.failed(&error);
            Stored::Not
        });
        if stored == Stored::Done && self.rests_until.take().is_some() {
            self.told = false;
            say(format_args!("the spool directory can be written again"));
        }
        stored
    }

    fn write(&mut self, batch: &Batch) -> io::Result<Stored> {
        let home = match self.home.take() {
            Some(home) => home,
            None => Home::make(&self.plan.directory)?,
        };
        let (path, tag) = (home.path.clone(), home.tag);
        self.home = Some(home);
        let project = batch.spooled.as_ref().map(|spooled| &spooled.project);
        let header = spool_file::header(batch, project.unwrap_or(&self.plan.project));
        let bytes = (header.len() + batch.body.len() + 4) as u64;
        let entry = Entry::new(batch, millis(), tag, self.count, bytes);
        self.count = self.count.wrapping_add(1);
        if entry.disk > self.plan.bytes {
            return Ok(Stored::TooLarge);
        }
        if !self.make_room(entry.disk) {
            return Ok(Stored::Not);
        }
        let unfinished = path.join(UNFINISHED);
        let written = private(OpenOptions::new().write(true).create(true).truncate(true))
            .open(&unfinished)
            .and_then(|mut file| spool_file::write(&mut file, &header, &batch.body))
            .and_then(|()| fs::rename(&unfinished, path.join(&entry.name)));
        if let Err(error) = written {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        self.disk += entry.disk;
        self.buffer.counters.spooled(entry.signal, entry.records);
        self.files.push_back(entry);
        Ok(Stored::Done)
    }

    /// Removes the oldest files until so many more bytes fit; false when what is being sent takes too much.
    fn make_room(&mut self, bytes: u64) -> bool {
        while self.disk + bytes > self.plan.bytes {
            let Some(oldest) = self.files.pop_front() else {
                return false;
            };
            self.lose(&oldest, DropReason::SpoolFull);
            self.remove(&oldest);
        }
        true
    }

    /// The oldest batch, read into memory, when the budget has room for it or `alone` says that nothing else is there. What is
    /// damaged is set aside on the way.
    pub(crate) fn take(&mut self, alone: bool) -> Option<Batch> {
        loop {
            let home = self.home.as_ref()?;
            let entry = self.files.front()?;
            let path = home.path.join(&entry.name);
            let held = usize::try_from(entry.disk).unwrap_or(usize::MAX);
            if !self.buffer.hold(held) {
                if !alone {
                    return None;
                }
                self.buffer.hold_anyway(held);
            }
            let entry = self.files.pop_front()?;
            let read = fs::read(&path).ok();
            if let Some(mut batch) = read.and_then(|file| spool_file::read(&entry, file)) {
                batch.held = held;
                return Some(batch);
            }
            self.buffer.release(held);
            self.set_aside(&entry);
        }
    }

    /// A batch that was taken goes back: it was not delivered.
    pub(crate) fn give_back(&mut self, spooled: Spooled) {
        self.files.push_front(spooled.entry);
    }

    /// A batch that was taken is settled, and needs its file no more.
    pub(crate) fn settled(&mut self, entry: &Entry) {
        self.buffer.counters.unspooled(entry.signal, entry.records);
        self.remove(entry);
    }

    fn remove(&mut self, entry: &Entry) {
        self.disk = self.disk.saturating_sub(entry.disk);
        if let Some(home) = &self.home
            && let Err(error) = fs::remove_file(home.path.join(&entry.name))
            && error.kind() != io::ErrorKind::NotFound
        {
            self.failed(&error);
        }
    }

    fn lose(&self, entry: &Entry, reason: DropReason) {
        let counters = &self.buffer.counters;
        counters.unspooled(entry.signal, entry.records);
        if counters.lost(entry.signal, reason, entry.records) {
            say(format_args!(
                "{} records on disk were lost ({:?}: {reason:?}); further ones are counted in Highlight::stats()",
                entry.records, entry.signal
            ));
        }
    }

    /// Moves a damaged file to where people find it; when there are many already, it is removed.
    fn set_aside(&mut self, entry: &Entry) {
        self.lose(entry, DropReason::SpoolDamaged);
        let damaged = self.plan.directory.join(DAMAGED);
        if let Some(home) = &self.home
            && directory(&damaged).is_ok()
            && fs::read_dir(&damaged).is_ok_and(|files| files.count() < KEPT_DAMAGED)
        {
            let _ = fs::rename(home.path.join(&entry.name), damaged.join(&entry.name));
        }
        self.remove(entry);
    }

    /// Leaves the disk alone for a while, and says so once.
    fn failed(&mut self, error: &io::Error) {
        self.rests_until = Some(Instant::now() + REST);
        if !std::mem::replace(&mut self.told, true) {
            say(format_args!(
                "the spool directory {} cannot be used ({error}); telemetry stays in memory",
                self.plan.directory.display()
            ));
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.leave();
        }
    }
}

/// Moves the files of a process that is gone into `home`; their names tell how old they are.
fn adopt(
    theirs: &Abandoned,
    home: &Home,
    files: &mut VecDeque<Entry>,
    count: &mut impl FnMut(&Entry),
) -> io::Result<()> {
    for file in fs::read_dir(&theirs.path)? {
        let file = file?;
        let Ok(name) = file.file_name().into_string() else {
            continue;
        };
        if name == UNFINISHED {
            fs::remove_file(file.path())?;
        } else if let Some(entry) = Entry::parse(&name, file.metadata()?.len()) {
            fs::rename(file.path(), home.path.join(&name))?;
            count(&entry);
            files.push_back(entry);
        }
    }
    Ok(())
}

fn millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}
