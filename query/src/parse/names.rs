//! The nearest name, for messages.

/// `; did you mean ...?` with the nearest of some names, or nothing if none is near.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let distance_max = 1 + name.chars().count() / 4;
    let near = names.map(|other| (distance(name, other), other)).min();
    match near {
        Some((distance, near)) if distance <= distance_max => format!("; did you mean `{near}`?"),
        _ => String::new(),
    }
}

/// The number of insertions, deletions and substitutions between two words (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
