//! When the events that a filter wants occurred, as a clause: so that partitions and segments without any of them are not read.

use annals_engine::{Clause, Comparison, Predicate, VALID_FROM, Valid, ValidTime, Value};

/// The clause that selects every event which all the predicates can hold for; `None` if they bound nothing, or contradict one another.
/// An event is valid for a microsecond, so that what overlaps a range is what occurred in it.
pub(crate) fn clause_of(predicates: &[Predicate]) -> Option<Clause<Valid>> {
    let mut range = (i64::MIN, i64::MAX);
    predicates.iter().for_each(|predicate| narrow(&mut range, predicate));
    let (from, to) = range;
    let is_bounded = range != (i64::MIN, i64::MAX);
    (is_bounded && from < to)
        .then(|| Clause::FromTo(ValidTime::from_micros(from), ValidTime::from_micros(to)))
}

/// Narrows a range, its end excluded.
fn narrow(range: &mut (i64, i64), predicate: &Predicate) {
    match predicate {
        Predicate::And(all) => all.iter().for_each(|predicate| narrow(range, predicate)),
        Predicate::Compare { column, op, value: Value::Timestamp(at) } if column == VALID_FROM => {
            let (at, behind) = (*at, at.saturating_add(1));
            let (from, to) = match op {
                Comparison::Eq => (at, behind),
                Comparison::GtEq => (at, i64::MAX),
                Comparison::Gt => (behind, i64::MAX),
                Comparison::Lt => (i64::MIN, at),
                Comparison::LtEq => (i64::MIN, behind),
                Comparison::NotEq => (i64::MIN, i64::MAX),
            };
            *range = (range.0.max(from), range.1.min(to));
        }
        _ => (),
    }
}

#[cfg(test)]
mod tests {
    use super::clause_of;
    use annals_engine::{Clause, Comparison, Predicate, VALID_FROM, ValidTime, Value};

    #[test]
    fn bounds_on_the_instant_become_a_range() {
        let is = |op, at| Predicate::compare(VALID_FROM, op, Value::Timestamp(at));
        let range = |from, to| {
            Some(Clause::FromTo(ValidTime::from_micros(from), ValidTime::from_micros(to)))
        };
        let other = Predicate::compare("v", Comparison::Gt, Value::Timestamp(7));
        let both = Predicate::And(vec![is(Comparison::Gt, 3), is(Comparison::LtEq, 9)]);
        for (predicates, expected) in [
            (vec![], None),
            (vec![other.clone(), is(Comparison::NotEq, 3)], None),
            (vec![is(Comparison::Eq, 3)], range(3, 4)),
            (vec![is(Comparison::GtEq, 3)], range(3, i64::MAX)),
            (vec![is(Comparison::Gt, 3), other], range(4, i64::MAX)),
            (vec![is(Comparison::Lt, 3)], range(i64::MIN, 3)),
            (vec![is(Comparison::LtEq, 3)], range(i64::MIN, 4)),
            (vec![both, is(Comparison::GtEq, 5)], range(5, 10)),
            (vec![is(Comparison::Gt, 5), is(Comparison::Lt, 4)], None),
            (vec![is(Comparison::Gt, i64::MAX)], None),
        ] {
            assert_eq!(clause_of(&predicates), expected, "{predicates:?}");
        }
    }
}
