//! Partitions leave and come back by the command line.

mod common;

use annals_engine::{Database, Options, Retention, RetentionAction};
use common::Place;

/// Standard error of a command that did what it was told.
fn told(place: &Place, arguments: &str) -> String {
    let outcome = place.annals(arguments);
    assert_eq!((outcome.status, outcome.stdout.as_str()), (0, ""), "{outcome:?}");
    outcome.stderr
}

#[test]
fn a_partition_is_listed_detached_and_attached_again() {
    let place = Place::with_salaries();
    place.annals("compact -d db").ok();
    let before = place.all_of("salaries");
    let listed = place.annals("partitions -d db --table salaries").ok();
    let head = "table_name,partition,range_from,range_to,state,row_count,bytes,location\n";
    let april = "salaries,2024-04,2024-04-01T00:00:00Z,2024-05-01T00:00:00Z,live,1,";
    assert!(listed.starts_with(head) && listed.contains(april), "{listed}");

    let dry = told(&place, "detach -d db --table salaries 2024-04 --dry-run --by ann");
    assert!(dry.starts_with("salaries/2024-04: 1 rows, "), "{dry}");
    assert!(
        dry.contains("would leave") && dry.contains("unless both are 2024-04-15T10:00:00.5"),
        "{dry}"
    );
    assert_eq!(place.all_of("salaries"), before);

    let detached = told(&place, "detach -d db --table salaries 2024-04 --by ann");
    assert!(detached.contains("detached to detached/000001/2024-04"), "{detached}");
    assert!(place.path("db/detached/000001/2024-04/partition.json").exists());
    let get = "get -d db --table salaries ada --valid-time 2024-02-01 --system-time 2024-02-01";
    let refused = place.annals(get);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("partition 2024-04, detached to"), "{refused:?}");
    let history = place.annals("get -d db --table salaries ada --history");
    let notice = "notice: the history lacks what it had in partition 2024-04, detached";
    assert!(history.status == 0 && history.stderr.starts_with(notice), "{history:?}");
    let export = place.annals("export -d db --table salaries --all --format csv");
    assert!(
        export.stderr.starts_with("notice: the file lacks what table `salaries` held"),
        "{export:?}"
    );
    assert!(place.annals("verify -d db").ok().starts_with("ok: "));

    let attached = told(&place, "attach -d db --table salaries 2024-04 --by ann");
    assert_eq!(attached, "2024-04: 1 rows are back\n");
    assert_eq!(place.all_of("salaries"), before);
}

#[test]
fn a_partition_is_archived_elsewhere_and_dropped() {
    let place = Place::with_salaries();
    let before = place.all_of("salaries");
    let archived = told(&place, "archive -d db --table salaries 2024-04 --to old/april");
    assert!(archived.contains("archived to /"), "{archived}");
    std::fs::rename(place.path("old/april"), place.path("elsewhere")).unwrap();
    let attached = told(&place, "attach -d db --table salaries --from elsewhere");
    assert_eq!(attached, "2024-04: 1 rows are back\n");
    assert_eq!(place.all_of("salaries"), before);
    let dropped = told(&place, "drop -d db --table salaries 2024-04 2024-12");
    assert!(
        dropped.contains("salaries/2024-12: 1 rows") && dropped.contains(", dropped\n"),
        "{dropped}"
    );
    let listed = place.annals("partitions -d db").ok();
    assert!(listed.contains("salaries,2024-12,") && listed.contains(",dropped,1,"), "{listed}");
}

/// That the policy has detached partition 2024-04 is on record.
#[track_caller]
fn check_retained(place: &Place) {
    place.write("audit.sql", "SELECT \"by\", action, object FROM annals.audit ORDER BY number");
    let audit = place.annals("sql -d db -f audit.sql --format csv").ok();
    assert!(audit.contains("retention policy,detach partition,2024-04\n"), "{audit}");
}

#[test]
fn a_command_tells_what_it_lets_go() {
    let place = Place::with_salaries();
    // Without the threads of a command, which would be as quick to apply it.
    let options = Options::default().background(false);
    let database = Database::open_existing(place.path("db"), options).unwrap();
    let retention = Retention::keep("1 year").unwrap().then(RetentionAction::Detach);
    database.set_retention("salaries", Some(&retention), "the tester").unwrap();
    database.close().unwrap();
    let retained = told(&place, "retain -d db");
    assert!(retained.contains("salaries/2024-04: 1 rows"), "{retained}");
    assert_eq!(told(&place, "retain -d db"), "nothing has passed out of its retention\n");
    check_retained(&place);
}

#[test]
fn retention_is_set_in_sql_and_applied_by_a_command_at_the_latest() {
    let place = Place::with_salaries();
    place.write("retain.sql", "ALTER TABLE salaries RETAIN '1 year' THEN DETACH");
    place.annals("sql -d db -f retain.sql").ok();
    told(&place, "retain -d db");
    assert_eq!(told(&place, "retain -d db"), "nothing has passed out of its retention\n");
    check_retained(&place);
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let place = Place::with_salaries();
    let refuses = |arguments: &str, expect: &str| {
        let outcome = place.annals(arguments);
        assert_eq!(outcome.stderr, format!("annals: {expect}\n"), "for `annals {arguments}`");
        assert_eq!(outcome.status, 1);
    };
    refuses(
        "detach -d db --table salarie 2024-04",
        "there is no table `salarie`; did you mean `salaries`?",
    );
    refuses("detach -d db --table salaries April", "`April` is not the name of a partition");
    refuses(
        "drop -d db --table salaries 2021-04",
        "there is nothing in partition 2021-04 of table `salaries`",
    );
    refuses(
        "attach -d db --table salaries 2024-04",
        "partition 2024-04 of table `salaries` is not detached",
    );
}
