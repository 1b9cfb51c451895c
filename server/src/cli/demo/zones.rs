//! The second story: what the clocks of the world would show, as it was believed in 60 releases of the time zone database.

use std::io::Write;

use annals_engine::{At, Database, Snapshot, SystemTime, ValidTime, Value};

use super::payroll::texts;
use super::{heading, show};
use crate::error::{Failure, Result};
use crate::output::Out;

const TABLE: &str = "tz";

/// A question, and the system instants as of which it is asked, each with what had happened by then.
struct Story {
    title: &'static str,
    text: &'static str,
    zone: &'static str,
    valid: &'static str,
    asked: &'static [(&'static str, &'static str)],
}

const STORIES: &[Story] = &[
    Story {
        title: "Istanbul, December 2016",
        text: "In September 2016 Turkey decided not to set its clocks back in October. Whoever had planned a\n\
               meeting for December was an hour off.",
        zone: "Europe/Istanbul",
        valid: "2016-12-01T12:00:00Z",
        asked: &[("2016-06-01", "before the decision"), ("now", "")],
    },
    Story {
        title: "Lebanon, spring 2023",
        text: "The government postponed summer time days before it was due, and took that back days after: a\n\
               belief that lived for less than five days.",
        zone: "Asia/Beirut",
        valid: "2023-04-01T12:00:00Z",
        asked: &[
            ("2023-03-01", ""),
            ("2023-03-26", "summer time is postponed"),
            ("2023-03-29", "and is not"),
            ("now", ""),
        ],
    },
    Story {
        title: "Samoa, 30 December 2011",
        text: "Samoa moved to the other side of the date line. Its clocks never showed that day.",
        zone: "Pacific/Apia",
        valid: "2011-12-30T12:00:00Z",
        asked: &[("2011-06-01", ""), ("now", "")],
    },
    Story {
        title: "Cairo changes its mind, and its mind again",
        text: "Summer time abolished in 2011, back in 2014, dropped in 2015, back in 2023: what would the clocks\n\
               show at noon UTC on a summer's day of 2024?",
        zone: "Africa/Cairo",
        valid: "2024-07-15T12:00:00Z",
        asked: &[
            ("2009-01-01", ""),
            ("2012-01-01", "abolished"),
            ("2014-08-01", "brought back"),
            ("2016-01-01", "dropped"),
            ("2023-04-01", "brought back"),
            ("now", ""),
        ],
    },
    Story {
        title: "Amsterdam, 1935",
        text: "Even the past can change: in 2022 Amsterdam's own history before 1970 was folded into that of\n\
               Brussels. A matter of policy; but the answer is another, 87 years afterwards.",
        zone: "Europe/Amsterdam",
        valid: "1935-07-01T12:00:00Z",
        asked: &[("2022-08-01", ""), ("now", "")],
    },
];

/// Prints the stories.
pub(super) fn tell(database: &Database, out: &mut Out) -> Result<()> {
    let snapshot = database.snapshot()?;
    heading(out, "2. What the clocks will show")?;
    writeln!(
        out,
        "The IANA time zone database says what the clocks of each zone showed, show and will show. Every\n\
         release revises that: governments change the future, historians the past.\n"
    )?;
    for story in STORIES {
        writeln!(out, "{}\n{}\n", story.title, story.text)?;
        let rows = story.asked.iter().map(|(system, note)| {
            let mut row = vec![(*system).to_owned()];
            row.extend(clock(&snapshot, story.zone, story.valid, system)?);
            row.push((*note).to_owned());
            Ok(row)
        });
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let shown = format!("{} at {}", story.zone, story.valid);
        let header = ["as believed on", &shown, "offset", "", ""];
        show(out, &header, &rows, &[])?;
    }
    Ok(())
}

/// What the clocks of a zone show at an instant: date and time, the offset from UTC, the abbreviation.
fn clock(snapshot: &Snapshot, zone: &str, valid: &str, system: &str) -> Result<[String; 3]> {
    let valid = ValidTime::parse(valid)?;
    let system = if system == "now" { None } else { Some(SystemTime::parse(system)?) };
    let row = snapshot.get(TABLE, &[Value::from(zone)], At { valid: Some(valid), system })?;
    let values = row.map(|row| texts(&row, &["utc_offset_seconds", "abbreviation"]));
    let Some([offset, abbreviation]) =
        values.into_iter().flatten().next().and_then(|values| <[String; 2]>::try_from(values).ok())
    else {
        return Ok(["nothing is known".into(), String::new(), String::new()]);
    };
    let seconds: i64 = offset
        .parse()
        .map_err(|_| Failure::new(format!("`{offset}` is not an offset in seconds")))?;
    Ok([local_time(valid, seconds), offset_name(seconds), abbreviation])
}

/// Such as `Thu 2016-12-01 14:00:00`.
fn local_time(valid: ValidTime, offset_seconds: i64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let local_us = valid.micros().saturating_add(offset_seconds.saturating_mul(1_000_000));
    // 1970-01-01 was a Thursday.
    let weekday = WEEKDAYS[local_us.div_euclid(86_400_000_000).rem_euclid(7) as usize];
    let shown = ValidTime::from_micros(local_us).to_string();
    format!("{weekday} {}", shown.replace('T', " ").trim_end_matches('Z'))
}

/// Such as `UTC+02:00`, with seconds where there are any.
fn offset_name(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let rest = if rest == 0 { String::new() } else { format!(":{rest:02}") };
    format!("UTC{sign}{hours:02}:{minutes:02}{rest}")
}
