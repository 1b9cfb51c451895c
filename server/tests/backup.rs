//! Backups and restores from the command line.

mod common;

use std::fs;

use common::Place;

const PAY: &str =
    "import -d db --table salaries --key name --valid-from since --system-time recorded later.csv";

/// A backup before and a backup after a raise.
fn backed_up() -> Place {
    let place = Place::with_salaries();
    let first = place.annals("backup -d db --to backups").ok();
    assert!(first.starts_with("point 1 as of 20"), "{first}");
    assert!(
        first.contains(" 0 there already, ") && first.contains(" 0 copied (0 bytes)"),
        "{first}"
    );
    place.write("later.csv", "name,salary,since,recorded\nada,5000,2024-06-01,2024-07-01\n");
    place.annals(PAY).ok();
    let second = place.annals("backup -d db --to backups --copy").ok();
    assert!(second.starts_with("point 2 as of 20"), "{second}");
    assert!(!second.contains(" 0 there already"), "{second}");
    place
}

fn salary(place: &Place, dir: &str) -> String {
    let query = format!("get -d {dir} --table salaries ada --valid-time 2024-08-01 --format csv");
    let row = place.annals(&query).ok();
    row.lines().nth(1).unwrap_or_default().split(',').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_database_is_restored_as_of_the_last_backup_or_an_instant() {
    let place = backed_up();
    let told = place.annals("restore --from backups -d whole").ok();
    assert!(told.starts_with("as of 20") && told.contains("from point 2"), "{told}");
    assert_eq!(salary(&place, "whole"), "5000");
    let told = place.annals("restore --from backups -d then --system-time 2024-05-01").ok();
    assert!(told.starts_with("as of 2024-05-01T00:00:00Z, from point 1: "), "{told}");
    assert_eq!(salary(&place, "then"), "4600");
    place.annals("restore --from backups -d before --system-time 2024-02-01 --point 2 --copy").ok();
    assert_eq!(salary(&place, "before"), "4200");
    for dir in ["whole", "then", "before"] {
        assert!(place.annals(&format!("verify -d {dir}")).ok().starts_with("ok: "));
    }
    assert_eq!(salary(&place, "db"), "5000");
}

#[test]
fn folders_and_points_are_listed() {
    let place = backed_up();
    let of_database = place.annals("backup -d db --list --format csv").ok();
    let of_folder = place.annals("restore --from backups --list --format csv").ok();
    assert_eq!(of_database, of_folder);
    let lines: Vec<&str> = of_folder.lines().collect();
    assert_eq!(lines[0], "folder,point,system_time,file_count");
    let folder = place.path("backups");
    for (line, point) in lines[1..].iter().zip(1..) {
        assert!(line.starts_with(&format!("{},{point},20", folder.display())), "{line}");
    }
    assert_eq!(lines.len(), 3);
    fs::rename(&folder, place.path("away")).unwrap();
    let outcome = place.annals("backup -d db --list --format csv");
    assert_eq!((outcome.status, outcome.stdout.lines().count()), (0, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("there are no backups in"), "{outcome:?}");
    place.annals("backup -d db --forget backups").ok();
    assert_eq!(place.annals("backup -d db --list --format csv").stderr, "");
}

#[test]
fn what_is_erased_is_in_no_backup() {
    let place = backed_up();
    fs::create_dir(place.path("away")).unwrap();
    place.annals("backup -d db --to away/backups").ok();
    fs::rename(place.path("away"), place.path("elsewhere")).unwrap();
    let mut sql = place.command("sql -d db");
    let erased = sql.arg("ERASE FROM salaries WHERE name = 'ada'").output().unwrap();
    assert!(erased.status.success(), "{erased:?}");
    place.annals("restore --from backups -d restored --system-time 2024-05-01").ok();
    assert_eq!(salary(&place, "restored"), "");
    let mut sql = place.command("sql -d db --format csv");
    let shown = sql.arg("SELECT unreached FROM annals.erasures").output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let away = place.path("away/backups");
    assert_eq!(shown, format!("unreached\n{}: there are no backups\n", away.display()));
}

#[test]
fn wrong_requests_name_what_is_wrong() {
    let place = backed_up();
    let here = |name: &str| place.path(name).display().to_string();
    fs::create_dir(place.path("notes")).unwrap();
    place.write("notes/todo", "");
    let usage = |arguments: &str| assert_eq!(place.annals(arguments).status, 2, "{arguments}");
    usage("backup -d db");
    usage("backup -d db --to a --list");
    usage("restore --from backups");
    usage("restore -d new");
    let notes = here("notes");
    place.refuses(
        "backup -d db --to notes",
        &format!(
            "{notes} is not a backup folder: it holds `todo`; choose one that is missing or empty"
        ),
    );
    place.refuses(
        "backup -d db --forget notes",
        &format!("{notes} is none of the backups: {}", here("backups")),
    );
    place.refuses("restore --from backups -d db", "db is not empty: it holds `LOCK`");
    place.refuses("restore --from notes -d new", &format!("there are no backups in {notes}"));
    place.refuses(
        "restore --from backups -d new --system-time yesterday",
        "--system-time: `yesterday` is not an instant; expected such as 2024-06-01T12:00:00Z",
    );
    let outcome = place.annals("restore --from backups -d new --system-time 2999-01-01");
    assert!(outcome.stderr.contains(" is as of 20"), "{outcome:?}");
    assert!(outcome.stderr.ends_with(", which is before 2999-01-01T00:00:00Z\n"), "{outcome:?}");
    assert!(!place.path("new").exists());
}
