//! The demo answers from the data, within the width of a plain terminal, and leaves behind what it was told to.

mod common;

use common::Place;
use expect_test::expect;

#[test]
fn the_stories_are_told_with_their_answers() {
    let place = Place::new();
    let told = place.annals("demo").ok();
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
    // How long it took is the one thing that differs from run to run.
    let told: String = told
        .lines()
        .map(|line| match line.rsplit_once(" in ") {
            Some((before, after)) if after.ends_with(" s.") => format!("{before} in ... s.\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    expect![[r#""#]].assert_eq(&told);
    assert_eq!(std::fs::read_dir(place.path(".")).unwrap().count(), 0);
}

#[test]
fn a_folder_is_kept_and_can_be_asked() {
    let place = Place::new();
    let told = place.annals("demo -d history").ok();
    assert!(told.contains("annals get -d history --table payroll ada --history"), "{told}");
    place.annals("get -d history --table payroll ada --history").ok();
    assert!(place.annals("verify -d history").ok().starts_with("ok: "));
    let again = place.annals("demo -d history");
    assert_eq!(again.status, 1);
    assert_eq!(again.stderr, "annals: history is not empty; the demo wants a folder of its own\n");
}
