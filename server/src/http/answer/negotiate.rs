//! Which form an answer has: what `Accept` asks for.

use axum::http::{HeaderMap, header};

use crate::http::problem::{Code, Problem};

/// The form of an answer with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One document with the columns and the rows.
    Json,
    /// An object a line.
    Ndjson,
    /// CSV with a header line.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

impl Form {
    /// In the order in which they are preferred where `Accept` leaves the choice.
    pub(crate) const ALL: [Form; 4] = [Form::Json, Form::Ndjson, Form::Csv, Form::Arrow];

    /// Its media type, as it is asked for.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Ndjson => "application/x-ndjson",
            Form::Csv => "text/csv",
            Form::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The form that a request accepts most; JSON where it does not say.
    pub(crate) fn accepted(headers: &HeaderMap) -> Result<Form, Problem> {
        let mut best: Option<(u16, Form)> = None;
        let values: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().map(|v| v.to_str().unwrap_or("")).collect();
        if values.is_empty() {
            return Ok(Form::Json);
        }
        for form in Form::ALL {
            let weight = values.iter().flat_map(|value| value.split(',')).map(range);
            let weight = weight.filter_map(|(range, weight)| {
                Some((specificity(range, form.media_type())?, weight))
            });
            // The range that names the form most exactly decides its weight.
            let Some((_, weight)) = weight.max() else { continue };
            if weight > best.map_or(0, |(weight, _)| weight) {
                best = Some((weight, form));
            }
        }
        best.map(|(_, form)| form).ok_or_else(|| {
            let forms = Form::ALL.map(Form::media_type).join(", ");
            let detail = format!("none of {forms} is accepted by `{}`", values.join(", "));
            Problem::new(Code::NotAcceptable, detail)
        })
    }
}

/// A media range and its weight in thousandths.
fn range(text: &str) -> (&str, u16) {
    let mut parts = text.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0f32));
    (range, (weight.clamp(0.0, 1.0) * 1_000.0) as u16)
}

/// How exactly a range names a media type; `None` if it does not.
fn specificity(range: &str, media_type: &str) -> Option<u8> {
    let (kind, _) = media_type.split_once('/')?;
    if range.eq_ignore_ascii_case(media_type) {
        return Some(2);
    }
    match range.split_once('/') {
        Some(("*", "*")) => Some(0),
        Some((of, "*")) if of.eq_ignore_ascii_case(kind) => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expect: Option<Form>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().expect("a value"));
        assert_eq!(Form::accepted(&headers).ok(), expect, "for {accept}");
    }

    #[test]
    fn the_form_that_is_asked_for() {
        check("application/json", Some(Form::Json));
        check("application/x-ndjson", Some(Form::Ndjson));
        check("Text/CSV", Some(Form::Csv));
        check("application/vnd.apache.arrow.stream", Some(Form::Arrow));
        check("text/html, text/csv;q=0.5", Some(Form::Csv));
        check("application/json;q=0.1, text/csv", Some(Form::Csv));
    }

    #[test]
    fn where_there_is_a_choice_it_is_json() {
        assert_eq!(Form::accepted(&HeaderMap::new()), Ok(Form::Json));
        check("*/*", Some(Form::Json));
        check("text/html, */*;q=0.1", Some(Form::Json));
        check("text/*", Some(Form::Csv));
        check("application/json;q=0, */*", Some(Form::Ndjson));
    }

    #[test]
    fn what_accepts_no_form_is_refused() {
        check("text/html", None);
        check("application/json;q=0", None);
        check("", None);
    }
}
