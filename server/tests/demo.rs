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
    expect![[r#"
        Two times: a fact holds in the world over its valid time, and the database believes it from one
        system time on. Nothing is overwritten, so every question can be asked as of any two instants.

        Loaded 44,215 rows in 66 transactions into the tables payroll and tz in ... s.

        1. A raise, recorded late and corrected later
        =============================================

        Ada earns 4200.00 a month. On 15 April 2024 the office hears of her raise and records 4600.00 from
        March on. On 21 May it reads the contract again: it is 4500.00, and from April on.

           question                               in the world on  as believed on  answer
           --------------------------------------------------------------------------------------------
           What did we pay Ada for March?         2024-03-15       2024-03-28      4200.00
           And what, after the late raise?        2024-03-15       2024-05-02      4600.00
           And what, after the correction?        2024-03-15       now             4200.00
           What does she earn in April?           2024-04-15       2024-05-02      4600.00
           And what, as we know now?              2024-04-15       now             4500.00
           Whom did we expect to pay in October?  2024-10-15       2024-08-01      ada, ben, cleo, dora
           And whom did we pay?                   2024-10-15       now             ada, cleo, dora

        All that was ever believed of Ada. Each line is a rectangle in the two times; an empty end is open:

           believed from         until                 in the world from     until                  salary
           -----------------------------------------------------------------------------------------------
           2024-01-08T09:12:00Z  2024-04-15T10:05:00Z  2024-01-01T00:00:00Z                        4200.00
           2024-04-15T10:05:00Z                        2024-01-01T00:00:00Z  2024-03-01T00:00:00Z  4200.00
           2024-04-15T10:05:00Z  2024-05-21T16:30:00Z  2024-03-01T00:00:00Z                        4600.00
           2024-05-21T16:30:00Z                        2024-03-01T00:00:00Z  2024-04-01T00:00:00Z  4200.00
           2024-05-21T16:30:00Z                        2024-04-01T00:00:00Z                        4500.00

        2. What the clocks will show
        ============================

        The IANA time zone database says what the clocks of each zone showed, show and will show. Every
        release revises that: governments change the future, historians the past.

        Istanbul, December 2016
        In September 2016 Turkey decided not to set its clocks back in October. Whoever had planned a
        meeting for December was an hour off.

           as believed on  Europe/Istanbul at 2016-12-01T12:00:00Z  offset
           --------------------------------------------------------------------------------------------
           2016-06-01      Thu 2016-12-01 14:00:00                  UTC+02:00  EET  before the decision
           now             Thu 2016-12-01 15:00:00                  UTC+03:00  +03

        Lebanon, spring 2023
        The government postponed summer time days before it was due, and took that back days after: a
        belief that lived for less than five days.

           as believed on  Asia/Beirut at 2023-04-01T12:00:00Z  offset
           ----------------------------------------------------------------------------------------------
           2023-03-01      Sat 2023-04-01 15:00:00              UTC+03:00  EEST
           2023-03-26      Sat 2023-04-01 14:00:00              UTC+02:00  EET   summer time is postponed
           2023-03-29      Sat 2023-04-01 15:00:00              UTC+03:00  EEST  and is not
           now             Sat 2023-04-01 15:00:00              UTC+03:00  EEST

        Samoa, 30 December 2011
        Samoa moved to the other side of the date line. Its clocks never showed that day.

           as believed on  Pacific/Apia at 2011-12-30T12:00:00Z  offset
           -----------------------------------------------------------------------
           2011-06-01      Fri 2011-12-30 01:00:00               UTC-11:00  WST
           now             Sat 2011-12-31 02:00:00               UTC+14:00  +14

        Cairo changes its mind, and its mind again
        Summer time abolished in 2011, back in 2014, dropped in 2015, back in 2023: what would the clocks
        show at noon UTC on a summer's day of 2024?

           as believed on  Africa/Cairo at 2024-07-15T12:00:00Z  offset
           -----------------------------------------------------------------------------------
           2009-01-01      Mon 2024-07-15 15:00:00               UTC+03:00  EEST
           2012-01-01      Mon 2024-07-15 14:00:00               UTC+02:00  EET   abolished
           2014-08-01      Mon 2024-07-15 15:00:00               UTC+03:00  EEST  brought back
           2016-01-01      Mon 2024-07-15 14:00:00               UTC+02:00  EET   dropped
           2023-04-01      Mon 2024-07-15 15:00:00               UTC+03:00  EEST  brought back
           now             Mon 2024-07-15 15:00:00               UTC+03:00  EEST

        Amsterdam, 1935
        Even the past can change: in 2022 Amsterdam's own history before 1970 was folded into that of
        Brussels. A matter of policy; but the answer is another, 87 years afterwards.

           as believed on  Europe/Amsterdam at 1935-07-01T12:00:00Z  offset
           -------------------------------------------------------------------------------
           2022-08-01      Mon 1935-07-01 13:19:32                   UTC+01:19:32  NST
           now             Mon 1935-07-01 13:00:00                   UTC+01:00     WEST

        This database is gone now. Keep one, and ask it yourself:

           annals demo -d history
           annals get -d history --table payroll ada --history
           annals get -d history --table tz Asia/Tokyo --valid-time 1950-07-01
           annals export -d history --table tz --valid-time 2030-01-01 --system-time 2010-01-01 then.csv
           annals stats -d history
    "#]].assert_eq(&told);
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
