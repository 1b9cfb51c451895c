//! Opening a log: judge every file, hand over every transaction, then (and only then) cut, sync and
//! begin a new file.
//!
//! Recovery can be cut off at any call and begun again. Its writes are, in this order: a newest
//! file that was never finished is removed; a seal that was never finished is cut; the torn tail of
//! the newest file is cut and the cut made durable (or, without a cut, the file is synced, as its
//! last frames may only be in memory);
//! the new file is made; files that the manifest no longer needs are removed.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use super::{Home, TRANSACTION, Wal, WalOptions};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::journal::{Cut, HEADER_BYTES, Kind, Opened, Reader, Verdict};

/// What opening the log found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalRecovery {
    /// The files that were read.
    pub file_count: u64,
    /// The transactions that were replayed.
    pub frame_count: u64,
    /// The bytes of the files that were read.
    pub byte_count: u64,
    /// What was cut from the newest file, or from the one before where its seal was not finished, if anything.
    pub cut: Option<Cut>,
}

/// Receives the number of a file and the payload of a transaction in it.
pub(crate) type Replay<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<()>;

impl Wal {
    /// Judges all files from the first of `files` on, hands every transaction to `replay` in order,
    /// and begins a new file.
    ///
    /// `files` are the numbers that the manifest knows: the first is where the log begins, and one
    /// at least as great as the last must be there. Older files are removed: a crash came between
    /// the manifest's edit and [`Wal::remove_before`].
    ///
    /// Nothing is written before all is judged. Errors: `Corrupt` with file and offset;
    /// `Unavailable` for a newer format; that of `replay`; that of the disk. After any of them the
    /// files hold all that they held before.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        database_id: u128,
        files: RangeInclusive<u64>,
        options: WalOptions,
        replay: Replay<'_>,
    ) -> Result<(Wal, WalRecovery)> {
        let home = Home { disk, dir: dir.to_path_buf(), database_id };
        let judged = home.judge(&files, replay)?;
        // Before a newer file is begun: between two others, an unfinished one would be corruption.
        home.remove(judged.unfinished)?;
        let next_sequence = judged.tail.settle(&home)?;
        let wal = Wal::start(home.clone(), options, judged.newest + 1, next_sequence)?;
        home.remove(judged.old)?;
        Ok((wal, judged.recovery))
    }

    /// Judges the files as [`Wal::open`] does, and changes nothing. Beside what it would do these are the damages that it would pass
    /// over, as nothing is missing for them.
    pub(crate) fn judge(
        disk: Arc<dyn Disk>,
        dir: &Path,
        database_id: u128,
        files: RangeInclusive<u64>,
    ) -> Result<(WalRecovery, Vec<Error>)> {
        let home = Home { disk, dir: dir.to_path_buf(), database_id };
        let judged = home.judge(&files, &mut |_, _| Ok(()))?;
        Ok((judged.recovery, judged.harmless))
    }
}

/// What the files of a log are, before anything is done about it.
struct Judged {
    /// Files that the manifest no longer needs.
    old: Vec<u64>,
    newest: u64,
    tail: Tail,
    recovery: WalRecovery,
    /// Damages behind the last frame of files that are not the newest.
    harmless: Vec<Error>,
    unfinished: Option<u64>,
}

impl Home {
    fn judge(&self, files: &RangeInclusive<u64>, replay: Replay<'_>) -> Result<Judged> {
        let (old, numbers): (Vec<u64>, Vec<u64>) =
            self.numbers()?.into_iter().partition(|number| number < files.start());
        let newest = match numbers.as_slice() {
            [first, .., last] | [first @ last] if first == files.start() && last >= files.end() => {
                *last
            }
            [first, ..] if first == files.start() => {
                return Err(missing(self, *files.end()));
            }
            _ => return Err(missing(self, *files.start())),
        };
        let mut judge = Judge::new(self, *files.end());
        for &number in &numbers {
            judge.file(number, number == newest, replay)?;
        }
        if let Some(next) = judge.tail.sealed.filter(|&next| next > newest) {
            return Err(missing(self, next));
        }
        let Judge { tail, recovery, harmless, unfinished, .. } = judge;
        Ok(Judged { old, newest, tail, recovery, harmless, unfinished })
    }
}

fn missing(home: &Home, number: u64) -> Error {
    Error::corrupt(home.path(number), 0, "the file is missing, but the manifest or a seal names it")
}

/// Where the frames of the newest file that has any end.
#[derive(Clone, Debug)]
struct Tail {
    number: u64,
    offset: u64,
    next_sequence: u64,
    /// Bytes behind the frames, to be cut.
    over: u64,
    /// The file before, and where its frames end, if what follows is to be cut there: its seal was being written.
    unsealed: Option<(u64, u64)>,
    /// The next file that the seal names (0 if it names none), if there is a seal.
    sealed: Option<u64>,
}

impl Tail {
    /// Makes the tail durable: from now on nothing may be missing from it.
    fn settle(&self, home: &Home) -> Result<u64> {
        if let Some((number, offset)) = self.unsealed {
            let file = home.disk.open(&home.path(number))?;
            file.truncate(offset)?;
            file.sync()?;
        }
        let file = home.disk.open(&home.path(self.number))?;
        if self.over > 0 {
            file.truncate(self.offset)?;
        }
        file.sync()?;
        Ok(self.next_sequence)
    }
}

/// Judges the files of a log one after another.
struct Judge<'a> {
    home: &'a Home,
    /// Files up to this one were once durable, says the manifest.
    known: u64,
    tail: Tail,
    /// The newest file, if its making was cut off.
    unfinished: Option<u64>,
    recovery: WalRecovery,
    /// What stands where the file before was sealed, if that is no seal.
    loose: Option<Cut>,
    harmless: Vec<Error>,
    bytes: Vec<u8>,
}

impl<'a> Judge<'a> {
    fn new(home: &'a Home, known: u64) -> Judge<'a> {
        let (number, offset, next_sequence, over) = (0, 0, 0, 0);
        let tail = Tail { number, offset, next_sequence, over, unsealed: None, sealed: None };
        let (recovery, harmless, bytes) = (WalRecovery::default(), Vec::new(), Vec::new());
        Judge { home, known, tail, unfinished: None, recovery, loose: None, harmless, bytes }
    }

    fn file(&mut self, number: u64, newest: bool, replay: Replay<'_>) -> Result<()> {
        let path = self.home.path(number);
        if let Some(next) = self.tail.sealed.filter(|&next| next != 0 && next != number) {
            return Err(missing(self.home, next));
        }
        self.read(&path)?;
        let bytes = std::mem::take(&mut self.bytes);
        self.recovery.file_count += 1;
        self.recovery.byte_count += bytes.len() as u64;
        match Reader::open(&path, &bytes, &self.home.identity(number))? {
            Opened::Journal(reader) => {
                self.check_join(&reader, &path)?;
                self.frames(reader, number, &path, newest, replay)?;
            }
            Opened::TornCreation => self.torn_creation(number, newest, &path, bytes.len())?,
        }
        self.bytes = bytes;
        Ok(())
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let file = self.home.disk.open(path)?;
        let length = usize::try_from(file.len()?)
            .map_err(|_| Error::exhausted(format!("{} does not fit in memory", path.display())))?;
        self.bytes.resize(length, 0);
        file.read_at(0, &mut self.bytes)
    }

    /// The file must begin with the frame behind the last of the file before.
    fn check_join(&self, reader: &Reader<'_>, path: &Path) -> Result<()> {
        let (tail, first) = (&self.tail, reader.first_sequence());
        if tail.number == 0 || tail.next_sequence == first {
            return Ok(());
        }
        let what = format!(
            "the frames end before number {}, but {} begins with number {first}",
            tail.next_sequence,
            path.display()
        );
        Err(Error::corrupt(self.home.path(tail.number), tail.offset, what))
    }

    fn frames(
        &mut self,
        mut reader: Reader<'_>,
        number: u64,
        path: &Path,
        newest: bool,
        replay: Replay<'_>,
    ) -> Result<()> {
        let (byte_count, why) = loop {
            match reader.next()? {
                Verdict::Frame(frame) if frame.kind == TRANSACTION => {
                    replay(number, frame.payload)?;
                    self.recovery.frame_count += 1;
                }
                Verdict::Frame(frame) if matches!(frame.kind, Kind::PROMISE | Kind::SEAL) => {}
                Verdict::Frame(frame) => {
                    let what = format!("frames of kind {} are unknown", frame.kind.0);
                    return Err(Error::corrupt(path, frame.offset, what));
                }
                Verdict::End { zero_bytes, .. } => break (zero_bytes, "only zeros".to_string()),
                Verdict::TornTail { byte_count, why, .. } => break (byte_count, why),
            }
        };
        let offset = reader.offset();
        let is_begun = offset > HEADER_BYTES as u64 || byte_count > 0;
        let unsealed = self.judge_seal_before(newest && !is_begun);
        if byte_count > 0 {
            let cut = Cut { file: path.to_path_buf(), offset, byte_count, why };
            if newest { self.recovery.cut = Some(cut) } else { self.loose = Some(cut) }
        }
        self.tail = Tail {
            number,
            offset,
            next_sequence: reader.next_sequence(),
            over: byte_count,
            unsealed,
            sealed: reader.sealed(),
        };
        Ok(())
    }

    /// A file is sealed when the next has been made, durably, and before anything is appended to that. So the power may have failed
    /// while the seal was written only if the next file is the newest and has nothing yet: what stands there is cut then. Else the
    /// seal was whole once, but the header of the next file says that nothing beside it can be missing.
    fn judge_seal_before(&mut self, is_cut: bool) -> Option<(u64, u64)> {
        let loose = self.loose.take()?;
        if is_cut {
            let place = (self.tail.number, loose.offset);
            self.recovery.cut = Some(loose);
            return Some(place);
        }
        let what = format!("where the file was sealed: {}; no transaction is missing", loose.why);
        self.harmless.push(Error::corrupt(loose.file, loose.offset, what));
        None
    }

    /// The newest file may never have been finished, if nothing says that it was. The one before is
    /// then all there is, and was durable to its last byte before this one was begun.
    fn torn_creation(
        &mut self,
        number: u64,
        newest: bool,
        path: &Path,
        length: usize,
    ) -> Result<()> {
        let begun = number <= self.known || self.tail.sealed.is_some_and(|next| next != 0);
        if !newest || begun {
            return Err(Error::corrupt(path, 0, "the header is damaged or cut short"));
        }
        if self.tail.over > 0 {
            let what = "the frames end in damage, but a newer file was begun";
            return Err(Error::corrupt(self.home.path(self.tail.number), self.tail.offset, what));
        }
        self.unfinished = Some(number);
        let why = "the file was being made".to_string();
        let (file, byte_count) = (path.to_path_buf(), length as u64);
        self.recovery.cut = Some(Cut { file, offset: 0, byte_count, why });
        Ok(())
    }
}
