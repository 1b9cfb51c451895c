//! A hotel that has to forget a guest: two tables whose values are marks that can be found in a file.

use crate::generate::Rng;
use crate::prices::{system, valid};
use crate::rows::{Cell, array, batch};
use crate::scratch::Scratch;
use annals_engine::arrow::array::{AsArray, BinaryArray, Int64Array, RecordBatch, StringArray};
use annals_engine::arrow::datatypes::Int64Type;
use annals_engine::disk::MemoryDisk;
use annals_engine::{
    Clause, Column, DataType, Database, Erasure, ErasureRequest, Result, Snapshot, TableSpec,
    VALID_FROM, VALID_TO,
};
use std::sync::Arc;

/// How many guests there are.
pub const GUEST_COUNT: usize = 6;
/// Indexes on notes, whose bitmap files hold them.
pub const INDEXES: [(&str, &str); 2] = [("guests_by_note", "guests"), ("visits_by_note", "visits")];
/// What is believed of a guest, one after the other: when it was recorded, from when to when it holds.
const BELIEFS: [(&str, &str, &str); 4] = [
    ("2024-01-10", "2024-01-01", "2024-03-01"),
    ("2024-02-10", "2024-01-15", "2024-01-20"),
    ("2024-03-10", "2024-02-01", ""),
    ("2024-05-10", "2024-04-01", "2024-06-01"),
];

/// The bytes of one version that a search can find.
pub type Marks = Vec<Vec<u8>>;

/// The name of a guest, which is the key.
pub fn name(guest: usize) -> String {
    format!("guest-{guest}-{}", word(guest as u64 + 1, 24))
}

/// A text that occurs nowhere else.
fn word(seed: u64, len: usize) -> String {
    let mut rng = Rng::new(seed.wrapping_mul(7_919));
    (0..len).map(|_| *rng.pick(&['b', 'd', 'f', 'g', 'k', 'm', 'Q', 'X', '3', '7'])).collect()
}

fn photo(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed.wrapping_mul(104_729));
    (0..40).map(|_| rng.below(256) as u8).collect()
}

fn code(seed: u64) -> i64 {
    Rng::new(seed.wrapping_mul(15_485_863)).within(1 << 55..=1 << 61)
}

/// What tells one version of a guest, or one visit, from all others.
fn seed(guest: usize, belief: usize) -> u64 {
    1_000 + (guest * 100 + belief) as u64
}

/// Everything that a search may find of a guest.
pub fn marks(guest: usize) -> Marks {
    let mut marks = vec![name(guest).into_bytes()];
    for belief in 0..=BELIEFS.len() + 1 {
        let seed = seed(guest, belief);
        marks.extend([photo(seed), code(seed).to_le_bytes().to_vec()]);
        marks.push(word(seed, 30).into_bytes());
    }
    marks
}

/// Where a mark is found: the files that hold one.
pub fn places(disk: &MemoryDisk, marks: &Marks) -> Vec<String> {
    let mut found = Vec::new();
    for path in disk.files() {
        let bytes = disk.read_all(&path).expect("a file");
        let holds = |mark: &Vec<u8>| bytes.windows(mark.len()).any(|window| window == mark);
        let shown = path.display().to_string();
        if marks.iter().any(|mark| holds(mark) || holds_text(&shown, mark)) {
            found.push(shown);
        }
    }
    found
}

fn holds_text(path: &str, mark: &[u8]) -> bool {
    std::str::from_utf8(mark).is_ok_and(|mark| path.contains(mark))
}

/// A fresh database on the disk, without rows.
pub fn scratch(disk: &MemoryDisk) -> Scratch {
    Scratch::on(disk.clone(), system("2030-01-01"))
}

/// Makes the tables.
pub fn create(database: &Database) -> Result<()> {
    let table = |spec: TableSpec| {
        spec.column(Column::new("name", DataType::Text))
            .column(Column::new("note", DataType::Text))
            .column(Column::new("photo", DataType::Bytea))
            .column(Column::new("code", DataType::BigInt))
    };
    database.create_table(table(TableSpec::keyed("guests", ["name"])))?;
    database.create_table(table(TableSpec::events("visits")))?;
    Ok(())
}

fn rows_of(
    guests: &[usize],
    belief: usize,
    (from, to): (&str, &str),
    is_event: bool,
) -> RecordBatch {
    let seeds: Vec<u64> = guests.iter().map(|guest| seed(*guest, belief)).collect();
    let instant = |text: &str| match text {
        "" => Cell::Null,
        text => Cell::Time(valid(text).micros()),
    };
    let repeated = |cell: Cell| {
        let cells = vec![cell; guests.len()];
        array(DataType::Timestamp, &cells.iter().collect::<Vec<_>>())
    };
    let photos: Vec<Vec<u8>> = seeds.iter().map(|seed| photo(*seed)).collect();
    let mut columns: Vec<(&str, annals_engine::arrow::array::ArrayRef)> = vec![
        ("name", Arc::new(StringArray::from_iter_values(guests.iter().map(|guest| name(*guest))))),
        ("note", Arc::new(StringArray::from_iter_values(seeds.iter().map(|s| word(*s, 30))))),
        ("photo", Arc::new(BinaryArray::from_iter_values(photos))),
        ("code", Arc::new(Int64Array::from_iter_values(seeds.iter().map(|seed| code(*seed))))),
        (VALID_FROM, repeated(instant(from))),
    ];
    if !is_event {
        columns.push((VALID_TO, repeated(instant(to))));
    }
    batch(columns)
}

/// Records one belief about every guest, and a visit of each.
pub fn believe(database: &Database, belief: usize) -> Result<()> {
    let (recorded, from, to) = BELIEFS[belief];
    let all: Vec<usize> = (0..GUEST_COUNT).collect();
    let mut transaction = database.begin();
    transaction.system_time(system(recorded));
    transaction.put("guests", &rows_of(&all, belief, (from, to), false))?;
    transaction.put("visits", &rows_of(&all, belief, (from, to), true))?;
    transaction.commit()?;
    Ok(())
}

/// All four beliefs: two in segments with cuts, one in a segment that cuts them, one in memory and in the log.
pub fn fill(database: &Database) -> Result<()> {
    create(database)?;
    believe(database, 0)?;
    believe(database, 1)?;
    database.compact(&mut |_| ())?;
    believe(database, 2)?;
    database.flush()?;
    for (index, table) in INDEXES {
        database.create_index(index, table, "note")?;
    }
    believe(database, 3)?;
    // Never visible, but in the log: put and retracted by one transaction.
    let mut transaction = database.begin();
    transaction.put("guests", &rows_of(&[1], 4, ("2024-07-01", "2024-08-01"), false))?;
    transaction.put("guests", &rows_of(&[1], 5, ("2024-07-01", "2024-08-01"), false))?;
    transaction.commit()?;
    Ok(())
}

/// The keys of guests as a batch.
pub fn keys(guests: &[usize]) -> RecordBatch {
    let names = StringArray::from_iter_values(guests.iter().map(|guest| name(*guest)));
    batch(vec![("name", Arc::new(names))])
}

/// The keys of all visits of a guest.
pub fn visits_of(database: &Database, guest: usize) -> Result<RecordBatch> {
    let scan = database.snapshot()?.scan("visits")?.columns(["_event_id", "name"]);
    let mut ids = Vec::new();
    for rows in scan.valid(Clause::All).system(Clause::All).run()? {
        let rows = rows?;
        let (id, who) =
            (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_string::<i32>());
        let own = (0..rows.num_rows()).filter(|row| who.value(*row) == name(guest));
        ids.extend(own.map(|row| id.value(row)));
    }
    Ok(batch(vec![("_event_id", Arc::new(Int64Array::from(ids)))]))
}

/// The request of these tests.
pub fn request() -> ErasureRequest {
    ErasureRequest::by("the front desk").reason("asked to")
}

/// Erases a guest and all visits.
pub fn forget(database: &Database, guest: usize) -> Result<[Erasure; 2]> {
    let visits = visits_of(database, guest)?;
    let guests = database.erase("guests", &keys(&[guest]), &request())?;
    Ok([guests, database.erase("visits", &visits, &request())?])
}

/// Every version of a table that a snapshot sees, shown, sorted.
pub fn everything(snapshot: &Snapshot, table: &str) -> Result<Vec<String>> {
    let columns =
        ["name", "note", "code", "_valid_from", "_valid_to", "_system_from", "_system_to"];
    let scan = snapshot.scan(table)?.columns(columns);
    let mut found = Vec::new();
    for rows in scan.valid(Clause::All).system(Clause::All).run()? {
        let rows = rows?;
        found.extend((0..rows.num_rows()).map(|row| format!("{:?}", rows.slice(row, 1).columns())));
    }
    found.sort();
    Ok(found)
}

/// The rows that do not name a guest.
pub fn without(rows: &[String], guest: usize) -> Vec<String> {
    rows.iter().filter(|row| !row.contains(&name(guest))).cloned().collect()
}

/// Both tables as a new snapshot shows them.
pub fn answers(database: &Database) -> Result<[Vec<String>; 2]> {
    let snapshot = database.snapshot()?;
    Ok([everything(&snapshot, "guests")?, everything(&snapshot, "visits")?])
}

/// Fails if a file is damaged or missing.
pub fn verify(database: &Database) {
    let mut damages = Vec::new();
    database.verify(&mut |damage| damages.push(damage.to_string())).expect("a verification");
    assert_eq!(damages, Vec::<String>::new());
}
