//! The first story: a raise, recorded late and corrected later.

use std::io::Write;

use annals_engine::arrow::array::RecordBatch;
use annals_engine::{
    At, Clause, Database, SYSTEM_FROM, SYSTEM_TO, Snapshot, SystemTime, VALID_FROM, VALID_TO,
    ValidTime, Value,
};

use super::{heading, show};
use crate::error::Result;
use crate::output::{Cells, Out};

const TABLE: &str = "payroll";

/// Prints the story.
pub(super) fn tell(database: &Database, out: &mut Out) -> Result<()> {
    let snapshot = database.snapshot()?;
    heading(out, "1. A raise, recorded late and corrected later")?;
    writeln!(
        out,
        "Ada earns 4200.00 a month. On 15 April 2024 the office hears of her raise and records 4600.00 from\n\
         March on. On 21 May it reads the contract again: it is 4500.00, and from April on.\n"
    )?;
    let salary = |valid: &str, system: &str| salary(&snapshot, "ada", valid, system);
    let row = |question: &str, valid: &str, system: &str, answer: String| {
        vec![question.to_owned(), valid.to_owned(), system.to_owned(), answer]
    };
    let mut rows = Vec::new();
    for (question, valid, system) in [
        ("What did we pay Ada for March?", "2024-03-15", "2024-03-28"),
        ("And what, after the late raise?", "2024-03-15", "2024-05-02"),
        ("And what, after the correction?", "2024-03-15", "now"),
        ("What does she earn in April?", "2024-04-15", "2024-05-02"),
        ("And what, as we know now?", "2024-04-15", "now"),
    ] {
        rows.push(row(question, valid, system, salary(valid, system)?));
    }
    for (question, system) in
        [("Whom did we expect to pay in October?", "2024-08-01"), ("And whom did we pay?", "now")]
    {
        rows.push(row(question, "2024-10-15", system, employees(&snapshot, "2024-10-15", system)?));
    }
    show(out, &["question", "in the world on", "as believed on", "answer"], &rows, &[])?;

    writeln!(
        out,
        "All that was ever believed of Ada. Each line is a rectangle in the two times; an empty end is open:\n"
    )?;
    let history = snapshot.history(TABLE, &["ada".into()])?;
    let columns = [SYSTEM_FROM, SYSTEM_TO, VALID_FROM, VALID_TO, "monthly_salary"];
    let header = ["believed from", "until", "in the world from", "until", "salary"];
    show(out, &header, &texts(&history, &columns), &[4])
}

fn salary(snapshot: &Snapshot, employee: &str, valid: &str, system: &str) -> Result<String> {
    let at = At { valid: Some(ValidTime::parse(valid)?), system: system_time(system)? };
    let row = snapshot.get(TABLE, &[Value::from(employee)], at)?;
    let texts = row.map(|row| texts(&row, &["monthly_salary"]));
    Ok(texts.into_iter().flatten().flatten().next().unwrap_or_else(|| "nothing".into()))
}

fn employees(snapshot: &Snapshot, valid: &str, system: &str) -> Result<String> {
    let valid = Clause::AsOf(ValidTime::parse(valid)?);
    let mut scan = snapshot.scan(TABLE)?.valid(valid).columns(["employee"]);
    if let Some(system) = system_time(system)? {
        scan = scan.system(Clause::AsOf(system));
    }
    let mut names = Vec::new();
    for rows in scan.run()? {
        names.extend(texts(&rows?, &["employee"]).into_iter().flatten());
    }
    names.sort();
    Ok(names.join(", "))
}

/// `now` is whatever the snapshot takes it for.
fn system_time(text: &str) -> Result<Option<SystemTime>> {
    Ok(if text == "now" { None } else { Some(SystemTime::parse(text)?) })
}

/// The named columns of every row, as text.
pub(super) fn texts(rows: &RecordBatch, columns: &[&str]) -> Vec<Vec<String>> {
    let columns = columns.iter().filter_map(|name| rows.column_by_name(name));
    let cells: Vec<Cells<'_>> = columns.map(|array| Cells::new(array, false)).collect();
    let row = |row: usize| {
        let text = |cells: &Cells<'_>| {
            let mut text = String::new();
            cells.text(row, &mut text);
            text
        };
        cells.iter().map(text).collect()
    };
    (0..rows.num_rows()).map(row).collect()
}
