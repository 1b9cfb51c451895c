//! Answers of restored databases: the model's, and those of the original.

use std::path::Path;

use annals_engine::{
    BackupOptions, Clause, Database, RestoreOptions, Snapshot, SystemTime, TableSchema, TableSpec,
};
use annals_tests::check::{PERIOD_COLUMNS, World, restored};
use annals_tests::generate::{Grid, Rng, Step, draw_step, runs, shapes};
use annals_tests::prices::{Prices, system};
use annals_tests::rows::{Row, rows};
use annals_tests::scratch::Scratch;

/// How many instants are restored of each history.
const INSTANT_COUNT: usize = 10;
/// A real disk makes every file wait.
const REAL_INSTANT_COUNT: usize = 2;

fn folder(scratch: &Scratch) -> std::path::PathBuf {
    let beside = scratch.path().with_file_name("backups");
    if beside.is_absolute() { beside } else { Path::new("/").join(beside) }
}

/// A history with backups between its steps; a step that `change` alters.
fn history(
    rng: &mut Rng,
    scratch: fn(SystemTime) -> Scratch,
    rounds: usize,
    change: &dyn Fn(Step) -> Step,
) -> (World, std::path::PathBuf, Vec<SystemTime>) {
    let mut shapes = shapes(rng, 7);
    shapes.truncate(3);
    let grid = Grid::draw(rng);
    let scratch = scratch(SystemTime::from_micros(grid.start + grid.width * 2));
    let folder = folder(&scratch);
    let mut world = World::new(scratch.memtable_bytes(16 << 10), shapes, grid);
    let mut backups = Vec::new();
    for _ in 0..rounds {
        for _ in 0..40 {
            let step = change(draw_step(rng, &world.situation()));
            world.step(&step);
        }
        let options = BackupOptions::default().copy(rng.chance(30));
        backups.push(world.back_up(&folder, &options).system_time);
    }
    (world, folder, backups)
}

/// Instants between the first commit and the last backup; the first lies before the last backup, with a backup before it.
fn instants(rng: &mut Rng, first: i64, backups: &[SystemTime], count: usize) -> Vec<SystemTime> {
    let [.., before, last] = backups else { panic!("two backups") };
    let between = SystemTime::from_micros((before.micros() + last.micros()) / 2);
    let mut instants = vec![between];
    while instants.len() < count {
        let at = match rng.below(4) {
            0 => rng.pick(backups).micros(),
            1 => rng.pick(backups).micros() - 1,
            _ => rng.within(first..=last.micros()),
        };
        instants.push(SystemTime::from_micros(at));
    }
    instants
}

fn check_against_the_model(
    test: &str,
    first_seed: u64,
    (seeds, instant_count): (u64, usize),
    scratch: fn(SystemTime) -> Scratch,
) {
    for seed in runs(&format!("backup::answers::{test}"), first_seed, seeds) {
        let mut rng = Rng::new(seed);
        let (mut world, folder, backups) = history(&mut rng, scratch, 5, &|step| step);
        let first = world.situation().grid.start;
        for at in instants(&mut rng, first, &backups, instant_count) {
            world.ask_restored(&mut rng, &folder, Some(at), 12);
        }
        world.ask_restored(&mut rng, &folder, None, 12);
        // The original is as it was.
        world.ask(&mut rng, 20);
    }
}

#[test]
fn a_restored_database_answers_as_the_model_did() {
    let name = "a_restored_database_answers_as_the_model_did";
    check_against_the_model(name, 1, (8, INSTANT_COUNT), Scratch::in_memory);
}

#[test]
fn it_does_so_on_a_real_disk() {
    check_against_the_model(
        "it_does_so_on_a_real_disk",
        100,
        (1, REAL_INSTANT_COUNT),
        Scratch::new,
    );
}

#[test]
fn it_does_so_with_background_threads() {
    let scratch = |start| Scratch::in_memory(start).background(true);
    check_against_the_model("it_does_so_with_background_threads", 200, (2, INSTANT_COUNT), scratch);
}

/// All that a snapshot believed at an instant, sorted; when it ceased to, it may not have known yet.
fn believed(snapshot: &Snapshot, table: &TableSchema, at: SystemTime) -> Vec<Row> {
    let own = table.columns.iter().map(|column| column.name.as_str());
    let columns: Vec<&str> = own.chain(PERIOD_COLUMNS[..3].iter().copied()).collect();
    let scan = snapshot.scan(&table.name).unwrap().columns(columns.iter().copied());
    let mut found = Vec::new();
    for batch in scan.valid(Clause::All).system(Clause::AsOf(at)).run().unwrap() {
        found.extend(rows(&batch.unwrap(), &columns));
    }
    found.sort();
    found
}

#[test]
fn a_restored_database_answers_as_the_original_does() {
    for seed in runs("backup::answers::a_restored_database_answers_as_the_original_does", 300, 6) {
        let mut rng = Rng::new(seed);
        // All on the engine's clock: nothing of before a backup is recorded after it.
        let live = |step| match step {
            Step::Commit(changes, _) => Step::Commit(changes, None),
            // Nothing is erased, and every column stays what it was.
            Step::Erase(..) | Step::Alter(..) => Step::Maintain,
            other => other,
        };
        let (mut world, folder, backups) = history(&mut rng, Scratch::in_memory, 5, &live);
        world.step(&Step::SetClock(backups[4].micros()));
        let first = world.situation().grid.start;
        let later = world.database().snapshot().unwrap();
        let mut row_count = 0;
        for at in instants(&mut rng, first, &backups, INSTANT_COUNT) {
            let database = world.restored(&folder, &RestoreOptions::default().at(at));
            let snapshot = database.snapshot().unwrap();
            for table in world.database().tables() {
                for asked in (0..6).map(|_| rng.within(first..=at.micros())).chain([at.micros()]) {
                    let asked = SystemTime::from_micros(asked);
                    let (found, expected) =
                        (believed(&snapshot, &table, asked), believed(&later, &table, asked));
                    assert_eq!(found, expected, "{} as of {asked}, restored at {at}", table.name);
                    row_count += found.len();
                }
                // Nothing of later is left: what it believes now is what was believed then.
                assert_eq!(
                    believed(&snapshot, &table, snapshot.system_time()),
                    believed(&later, &table, at)
                );
            }
        }
        assert!(row_count > 200, "only {row_count} rows were compared");
    }
}

/// Prices over three months, compacted in between, with a backup after each month.
fn prices() -> (Prices, Vec<SystemTime>) {
    let prices = Prices::with(Scratch::in_memory(system("2024-01-01")));
    let mut backups = Vec::new();
    for (month, price) in [("2024-01-15", 5), ("2024-02-15", 6), ("2024-03-15", 7)] {
        prices.set_clock(month);
        prices.now().put("tea", price, "2024-01-01", "").commit();
        prices.now().put_now("coffee", price).commit();
        if price == 6 {
            prices.database().compact(&mut |_| ()).unwrap();
        }
        let report = prices.database().backup("/backups", &BackupOptions::default()).unwrap();
        backups.push(report.system_time);
    }
    prices.set_clock("2024-04-01");
    (prices, backups)
}

fn restore(prices: &Prices, request: &RestoreOptions) -> Database {
    restored(&prices.scratch, Path::new("/backups"), request)
}

#[test]
fn history_ends_at_the_instant() {
    let (prices, _) = prices();
    let at = |text| RestoreOptions::default().at(system(text));
    let history = |database: &Database| {
        annals_tests::prices::history_of(&database.snapshot().unwrap(), "tea")
    };
    let february = restore(&prices, &at("2024-02-20"));
    assert_eq!(
        history(&february),
        [
            "5: 2024-01-01 .. -, believed 2024-01-15 .. 2024-02-15",
            "6: 2024-01-01 .. -, believed 2024-02-15 .. -",
        ]
    );
    // From the point of March, whose segments know of March, as from that of February.
    let again = restore(&prices, &at("2024-02-20").point(3));
    assert_eq!(history(&again), history(&february));
    let newest = restore(&prices, &RestoreOptions::default());
    assert_eq!(history(&newest), prices.history("tea"));
    assert!(history(&restore(&prices, &at("2023-12-31"))).is_empty());
}

#[test]
fn a_restored_database_is_written_and_backed_up_as_any_other() {
    let (prices, _) = prices();
    let request = RestoreOptions::default().at(system("2024-02-20"));
    let database = restore(&prices, &request);
    // What was recorded after the instant can be recorded again, with its own time.
    let mut transaction = database.begin();
    transaction.system_time(system("2024-03-01"));
    let rows = annals_tests::prices::price_batch("tea", 8, Some(("2024-02-01", "")));
    transaction.put("prices", &rows).unwrap();
    let commit = transaction.commit().unwrap();
    assert!(commit.number > 4, "numbers of transactions that are gone are not given again");
    database.create_table(TableSpec::keyed("more", ["k"]).column(key_column())).unwrap();
    database.compact(&mut |_| ()).unwrap();
    let error = database.backup("/backups", &BackupOptions::default()).unwrap_err();
    assert!(error.to_string().contains("before this database was restored"), "{error}");
    database.backup("/others", &BackupOptions::default()).unwrap();
    let path = database.backups().unwrap();
    assert_eq!(path, ["/backups", "/others"]);
    let second = restored(&prices.scratch, Path::new("/others"), &RestoreOptions::default());
    let price = |holds| {
        annals_tests::prices::price_of(&second.snapshot().unwrap(), "tea", holds, "").unwrap()
    };
    assert_eq!((price("2024-01-20"), price("2024-03-20")), (Some(6), Some(8)));
    assert_eq!(second.tables().len(), 2);
    // The original goes on beside it.
    prices.now().put("tea", 9, "2024-01-01", "").commit();
    prices.database().backup("/backups", &BackupOptions::default()).unwrap();
}

fn key_column() -> annals_engine::Column {
    annals_engine::Column::new("k", annals_engine::DataType::BigInt)
}
