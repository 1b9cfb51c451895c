//! How the values of each function grow with its arguments.

use arrow::datatypes::DataType;

/// What the values of a function can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// Numbers, instants, short texts, or what the arguments hold without a copy: nothing to count.
    Fixed,
    /// At most so many times the bytes of all arguments.
    Inputs(u64),
    /// As `Inputs(2)`, and some bytes for each element of arrays and each of the arguments.
    Elements,
    /// A text or an element so many times.
    Repeat,
    /// A text filled up to so many characters.
    Pad,
    /// A text between all that is found in another one.
    Replace,
    /// The same, of what an expression finds.
    ReplaceMatches,
    /// What the groups of an expression find.
    Groups,
    /// A text between the others.
    Separate,
    /// The elements as texts, with a text between them.
    Shown,
    /// The values from one to another.
    Series,
    /// An array filled up to so many elements.
    Resize,
    /// An array, of which each element may become another one.
    ReplaceElements,
}

/// How a function grows; `None` if nobody has judged it.
pub(super) fn of(name: &str) -> Option<Growth> {
    Some(match name {
        "repeat" | "array_repeat" => Growth::Repeat,
        "lpad" | "rpad" => Growth::Pad,
        "replace" => Growth::Replace,
        "regexp_replace" => Growth::ReplaceMatches,
        "regexp_match" => Growth::Groups,
        "concat_ws" => Growth::Separate,
        "array_to_string" => Growth::Shown,
        "range" | "generate_series" => Growth::Series,
        "array_resize" => Growth::Resize,
        "array_replace" | "array_replace_n" | "array_replace_all" => Growth::ReplaceElements,
        // The upper and lower case of one character can be three; and a character is up to four bytes.
        "initcap" | "lower" | "translate" | "upper" => Growth::Inputs(4),
        "||" | "btrim" | "coalesce" | "concat" | "greatest" | "least" | "left" | "ltrim"
        | "nullif" | "nvl" | "nvl2" | "overlay" | "reverse" | "right" | "rtrim" | "split_part"
        | "substr" | "substr_index" => Growth::Inputs(1),
        // Their types are checked; the planner puts casts into their place.
        "arrow_cast" | "arrow_try_cast" | "cast_to_type" | "try_cast_to_type" => Growth::Inputs(1),
        // A byte is two digits.
        "decode" | "encode" => Growth::Inputs(2),
        // Two letters of a format, as `%A` or `%c`, become a word or a whole instant.
        "to_char" => Growth::Inputs(32),
        // Each character can become an element of its own, which has an offset.
        "string_to_array" => Growth::Inputs(8),
        "array_any_value" | "array_append" | "array_compact" | "array_concat"
        | "array_distinct" | "array_element" | "array_except" | "array_intersect" | "array_max"
        | "array_min" | "array_pop_back" | "array_pop_front" | "array_positions"
        | "array_prepend" | "array_remove" | "array_remove_all" | "array_remove_n"
        | "array_reverse" | "array_slice" | "array_sort" | "array_union" | "arrays_zip"
        | "flatten" | "make_array" | "map" | "map_entries" | "map_extract" | "map_keys"
        | "map_values" | "array_add" | "array_normalize" | "array_scale" | "array_subtract" => {
            Growth::Elements
        }
        _ if FIXED.contains(&name) => Growth::Fixed,
        _ => return None,
    })
}

/// `chr`, `to_hex` and `uuid` make short texts, `arrow_typeof` and its like what the planner knows. A `struct` and its fields are the
/// arguments themselves; the planner must know the functions of structs, powers and logarithms by their types besides.
const FIXED: &[&str] = &[
    "abs",
    "acos",
    "acosh",
    "array_avg",
    "array_dims",
    "array_distance",
    "array_empty",
    "array_has",
    "array_has_all",
    "array_has_any",
    "array_length",
    "array_ndims",
    "array_position",
    "array_product",
    "array_sum",
    "arrow_field",
    "arrow_metadata",
    "arrow_typeof",
    "ascii",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bit_length",
    "cardinality",
    "cbrt",
    "ceil",
    "character_length",
    "chr",
    "contains",
    "cos",
    "cosh",
    "cosine_distance",
    "cot",
    "current_date",
    "current_time",
    "date_bin",
    "date_part",
    "date_trunc",
    "degrees",
    "empty",
    "ends_with",
    "exp",
    "factorial",
    "file_row_index",
    "find_in_set",
    "floor",
    "from_unixtime",
    "gcd",
    "get_field",
    "inner_product",
    "input_file_name",
    "isnan",
    "iszero",
    "lcm",
    "levenshtein",
    "ln",
    "log",
    "log10",
    "log2",
    "make_date",
    "make_time",
    "named_struct",
    "nanvl",
    "now",
    "octet_length",
    "pi",
    "power",
    "radians",
    "random",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "round",
    "signum",
    "sin",
    "sinh",
    "sqrt",
    "starts_with",
    "strpos",
    "struct",
    "tan",
    "tanh",
    "to_date",
    "to_hex",
    "to_local_time",
    "to_time",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "to_unixtime",
    "trunc",
    "union_extract",
    "union_tag",
    "uuid",
    "version",
    "with_metadata",
    // Ours: each gives a truth or two instants.
    "period_contains",
    "period_equals",
    "period_immediately_precedes",
    "period_immediately_succeeds",
    "period_intersection",
    "period_overlaps",
    "period_precedes",
    "period_succeeds",
];

/// What a value of the type takes at least, NULL too: a type can say that each is as wide as one likes.
pub(super) fn type_width(data_type: &DataType) -> u64 {
    match data_type {
        DataType::FixedSizeBinary(width) => u64::try_from(*width).unwrap_or(0),
        DataType::FixedSizeList(element, count) => {
            let count = u64::try_from(*count).unwrap_or(0);
            count.saturating_mul(type_width(element.data_type()).max(1))
        }
        DataType::Struct(fields) => fields
            .iter()
            .fold(0, |sum: u64, field| sum.saturating_add(type_width(field.data_type()))),
        DataType::List(element) | DataType::LargeList(element) | DataType::Map(element, _) => {
            type_width(element.data_type())
        }
        DataType::Dictionary(_, value) => type_width(value),
        other => other.primitive_width().unwrap_or(16) as u64,
    }
}
