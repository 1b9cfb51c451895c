//! The other process in tests that need one: it imports until it is killed, or holds a database until it is told to stop.
//!
//! `annals-test-child import-tz DIR` imports the releases that the database in DIR does not have yet, and writes the number of
//! releases there are after each acknowledged commit to standard output, a line each.
//! `annals-test-child detach DIR` detaches every partition of the time zones that has ended, and writes how many these were.
//! `annals-test-child hold DIR` opens the database in DIR, writes `held`, and waits for the end of standard input.

use std::io::{Read, Write};
use std::sync::Arc;

use annals_engine::{Database, ManualClock, Options, Partition};
use annals_tests::prices::{NOW, system};
use annals_tests::tz;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [command, dir] if command == "import-tz" => import_tz(dir),
        [command, dir] if command == "detach" => detach(dir),
        [command, dir] if command == "hold" => hold(dir),
        other => panic!("not a command: {other:?}"),
    }
}

fn import_tz(dir: &str) {
    // A small memtable, and background threads, so that flushes are under way when the kill comes.
    let clock = Arc::new(ManualClock::new(system(NOW)));
    let options = Options::default().memtable_bytes(256 << 10).clock(clock);
    let database = Database::open(dir, options).expect("the database opens");
    let releases = tz::releases().expect("the releases");
    let done = tz::imported(&database, &releases);
    for (at, release) in releases.iter().enumerate().skip(done) {
        tz::import(&database, release).expect("a commit");
        say(&(at + 1).to_string());
    }
    say("all");
    // The kill is to meet an open database.
    std::io::stdin().read_to_end(&mut Vec::new()).expect("standard input");
}

fn detach(dir: &str) {
    let clock = Arc::new(ManualClock::new(system(NOW)));
    let database =
        Database::open(dir, Options::default().clock(clock)).expect("the database opens");
    let names = database.partitions().expect("partitions").into_iter();
    let parsed = names.map(|info| Partition::parse(&info.partition).expect("a name"));
    let now = system(NOW).micros();
    let ended: Vec<Partition> =
        parsed.filter(|partition| !partition.is_current() && partition.to_us() <= now).collect();
    let left = database.detach_partitions("zones", &ended, "a test").expect("a departure");
    say(&left.len().to_string());
    // The kill is to meet an open database.
    std::io::stdin().read_to_end(&mut Vec::new()).expect("standard input");
}

fn hold(dir: &str) {
    let _database = Database::open(dir, Options::default()).expect("the database opens");
    say("held");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("standard input");
}

fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}").and_then(|()| output.flush()).expect("standard output");
}
