//! The life of partitions as embedders ask for it.

use std::path::Path;

use super::audit::AuditRecord;
use super::change::PartitionChange;
use super::departure::{Departure, Wish};
use super::hold::Hold;
use super::list::PartitionInfo;
use super::retention::Retention;
use crate::database::Database;
use crate::error::Result;
use crate::partition::Partition;
use crate::scan::Predicate;

/// # The life of partitions
///
/// A version lives in the partition in which it ended, and in `current` while it has not. Partitions whose range has ended can be
/// taken out: no answer as of instants after their range changes by it. Their range is sealed then: a write that would make or change a
/// version in it is an error of the kind [`crate::ErrorKind::Sealed`], and a read that may need one of their versions is one of the kind
/// [`crate::ErrorKind::Missing`].
///
/// Each of these operations takes effect by one edit of the manifest, durable when it returns: after a crash it was done wholly or
/// not at all. Reads and writes go on meanwhile, and snapshots that were made before see what they saw. `by` names who asks for it, and
/// stays on record in [`Database::audit`].
///
/// Kinds of error, where not said otherwise: `Invalid` (no such table or partition, one that has not ended, or one that is not where it
/// would have to be), `Exhausted` and `Io` (nothing has changed), `Corrupt` (a file that has to be read is damaged; nothing has
/// changed), `Halted` (whether it was done is known after reopening).
impl Database {
    /// All partitions of all tables, also those that were taken out; each table's in order of time, `current` last.
    pub fn partitions(&self) -> Result<Vec<PartitionInfo>> {
        self.inner().partitions()
    }

    /// What taking partitions out would take out, and what could no longer be answered without them. Changes no answer.
    pub fn preview_partitions(
        &self,
        table: &str,
        partitions: &[Partition],
    ) -> Result<Vec<PartitionChange>> {
        self.inner().preview(table, partitions)
    }

    /// Takes partitions out of every query, and leaves each in a folder of its own below that of the database: plain Parquet files
    /// with all four period columns, and `partition.json`, which says what they are.
    ///
    /// The folder may be copied or moved as a whole. It takes the same time for a thousand versions as for a million, once versions that
    /// wait elsewhere have been brought together.
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{Clause, Column, DataType, Database, ErrorKind, Options, Partition, SystemTime, TableSpec, ValidTime};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("sku", DataType::Text);
    /// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
    /// let mut tx = db.begin();
    /// let batch = rows!(
    ///     ("sku", Utf8, ["tea"]),
    ///     ("_valid_from", TimestampMicrosecond, [1_704_067_200_000_000]),
    ///     ("_valid_to", TimestampMicrosecond, [1_706_745_600_000_000]),
    /// )?;
    /// tx.put("prices", &batch)?; // valid in January 2024
    /// tx.commit()?;
    ///
    /// let january = Partition::parse("2024-01")?;
    /// let changes = db.detach_partitions("prices", &[january], "the archivist")?;
    /// assert_eq!((changes[0].row_count, changes[0].location.as_deref()), (1, Some("detached/000001/2024-01")));
    ///
    /// let then = Clause::AsOf(ValidTime::parse("2024-01-15")?);
    /// let scan = db.snapshot()?.scan("prices")?.valid(then);
    /// assert_eq!(scan.clone().run().unwrap_err().kind(), ErrorKind::Missing);
    /// assert_eq!(scan.allow_partial().run()?.count(), 0);
    ///
    /// db.attach_partition("prices", january, None, "the archivist")?;
    /// assert_eq!(db.snapshot()?.scan("prices")?.valid(then).run()?.count(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn detach_partitions(
        &self,
        table: &str,
        partitions: &[Partition],
        by: &str,
    ) -> Result<Vec<PartitionChange>> {
        self.inner().depart(table, partitions, &Departure::Detach, (by, Wish::Explicit))
    }

    /// Deletes partitions, live or detached. Their files are gone when no snapshot reads them any more. What they held cannot be brought
    /// back; their range stays sealed. An error of kind [`crate::ErrorKind::Held`] if a row of one is under a hold.
    pub fn drop_partitions(
        &self,
        table: &str,
        partitions: &[Partition],
        by: &str,
    ) -> Result<Vec<PartitionChange>> {
        self.inner().depart(table, partitions, &Departure::Drop, (by, Wish::Explicit))
    }

    /// Moves a partition, live or detached, into a folder elsewhere, in the same form as [`Database::detach_partitions`] leaves it. The
    /// copy is verified before the partition leaves. A relative path is taken from the folder of the database. The folder must be missing
    /// or empty, or hold what an earlier attempt for the same partition has left.
    pub fn archive_partition(
        &self,
        table: &str,
        partition: Partition,
        to: impl AsRef<Path>,
        by: &str,
    ) -> Result<PartitionChange> {
        let departure = Departure::archive(to.as_ref());
        let mut changes =
            self.inner().depart(table, &[partition], &departure, (by, Wish::Explicit))?;
        Ok(changes.remove(0))
    }

    /// Brings a detached or archived partition back: from where it was put, or from the folder `from`, to which its files were copied
    /// or moved. Every byte is verified first, and keys that were erased meanwhile are left out. After it every answer is as before.
    pub fn attach_partition(
        &self,
        table: &str,
        partition: Partition,
        from: Option<&Path>,
        by: &str,
    ) -> Result<PartitionChange> {
        self.inner().attach(table, Some(partition), from, by)
    }

    /// The same for the partition that a folder holds, whichever it is.
    pub fn attach_partition_from(
        &self,
        table: &str,
        from: impl AsRef<Path>,
        by: &str,
    ) -> Result<PartitionChange> {
        self.inner().attach(table, None, Some(from.as_ref()), by)
    }

    /// Sets how long versions of a table are kept after they ended; `None` is for ever. It is applied in the background, and by
    /// [`Database::apply_retention`].
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::{Column, DataType, Database, Options, Retention, RetentionAction, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("sku", DataType::Text);
    /// # db.create_table(TableSpec::keyed("prices", ["sku"]).column(column))?;
    /// let retention = Retention::keep("7 years")?.then(RetentionAction::Detach);
    /// db.set_retention("prices", Some(&retention), "compliance")?;
    /// assert_eq!(db.retention("prices")?, Some(retention));
    /// assert!(db.apply_retention()?.is_empty());
    /// assert_eq!(db.audit()?[0].action, "set retention");
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_retention(
        &self,
        table: &str,
        retention: Option<&Retention>,
        by: &str,
    ) -> Result<()> {
        self.inner().set_retention(table, retention, by)
    }

    /// How long versions of a table are kept after they ended; `None` is for ever.
    pub fn retention(&self, table: &str) -> Result<Option<Retention>> {
        self.inner().retention(table)
    }

    /// Takes out every partition that has passed out of its table's retention and is not held, and tells what was done.
    pub fn apply_retention(&self) -> Result<Vec<PartitionChange>> {
        self.inner().apply_retention()
    }

    /// Places a hold on a table, or on those of its keys that satisfy a condition: conditions on key columns by `=` or IN, joined by AND.
    /// Until it is released, a partition with a row of theirs is not dropped and leaves by no policy, and none of them is erased: these
    /// are errors of the kind [`crate::ErrorKind::Held`]. `Conflict` if the table has a hold of this name.
    ///
    /// ```
    /// # fn main() -> annals_engine::Result<()> {
    /// # use annals_engine::rows;
    /// # use annals_engine::{Column, Comparison, DataType, Database, ErasureRequest, ErrorKind, Options, Predicate, TableSpec};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let db = Database::open(dir.path(), Options::default())?;
    /// # let column = Column::new("name", DataType::Text);
    /// # db.create_table(TableSpec::keyed("guests", ["name"]).column(column))?;
    /// let ann = Predicate::compare("name", Comparison::Eq, "Ann");
    /// db.place_hold("guests", "case 17", &[ann], "the court")?;
    /// let request = ErasureRequest::by("the front desk");
    /// let error = db.erase("guests", &rows!(("name", Utf8, ["Ann"]))?, &request).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Held);
    /// db.release_hold("guests", "case 17", "the court")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn place_hold(
        &self,
        table: &str,
        name: &str,
        condition: &[Predicate],
        by: &str,
    ) -> Result<()> {
        self.inner().place_hold(table, name, condition, by)
    }

    /// Releases a hold.
    pub fn release_hold(&self, table: &str, name: &str, by: &str) -> Result<()> {
        self.inner().release_hold(table, name, by)
    }

    /// All holds.
    pub fn holds(&self) -> Result<Vec<Hold>> {
        self.inner().holds()
    }

    /// What is on record of partitions, retention, holds and erasures, oldest first.
    pub fn audit(&self) -> Result<Vec<AuditRecord>> {
        self.inner().audit()
    }
}
