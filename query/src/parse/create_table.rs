//! `CREATE [EVENT] TABLE`: the columns as the SQL library reads them, then the clauses that are ours.

use annals_engine::{Column, DataType, PartitionWidth, Retention, TableSpec, Value};
use sqlparser::ast::{
    ColumnDef, ColumnOption, Expr, IndexColumn, ObjectName, Spanned, TableConstraint,
    UnaryOperator, Value as Literal,
};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::dialect::AnnalsDialect;
use super::lifecycle::retention;
use super::tokens::Words;
use crate::catalog::{SCHEMA, check_free, kept_as_table};
use crate::error::{Error, Result, from_parser};

/// A table to be made.
#[derive(Clone, Debug)]
pub(crate) struct CreateTable {
    pub(crate) name: ObjectName,
    pub(crate) spec: TableSpec,
    pub(crate) retention: Option<Retention>,
    pub(crate) if_not_exists: bool,
}

/// Reads the whole statement.
pub(crate) fn read(tokens: &[TokenWithSpan]) -> Result<CreateTable> {
    let mut words = Words { tokens, at: 0 };
    words.expect(&["CREATE"])?;
    let is_event = words.take(&["EVENT"]);
    words.expect(&["TABLE"])?;
    let if_not_exists = words.take(&["IF", "NOT", "EXISTS"]);
    let mut parser =
        Parser::new(&AnnalsDialect).with_tokens_with_locations(with_plain_names(words.rest()));
    let name = parser.parse_object_name(false).map_err(|error| from_parser(&error))?;
    let table = table_name(&name)?;
    check_free(&table).map_err(|error| error.at(name.span()))?;
    if parser.peek_token_ref().token != Token::LParen {
        words.at += parser.index();
        return Err(words.expected("`(` and the columns"));
    }
    let (columns, constraints) = parser.parse_columns().map_err(|error| from_parser(&error))?;
    words.at = (words.at + parser.index()).min(tokens.len());
    let key = key_of(&columns, &constraints)?;
    let mut spec = match (is_event, key.is_empty()) {
        (true, true) => TableSpec::events(table),
        (false, false) => TableSpec::keyed(table, key),
        (true, false) => {
            let message = format!(
                "event table `{table}` has no PRIMARY KEY: its rows never supersede one another"
            );
            return Err(Error::invalid(message).at(name.span()));
        }
        (false, true) => {
            let message = format!(
                "table `{table}` needs a PRIMARY KEY, or must be an event table (CREATE EVENT TABLE)"
            );
            return Err(Error::invalid(message).at(name.span()));
        }
    };
    for column in &columns {
        spec = spec.column(column_of(column)?);
    }
    if words.take(&["PARTITION", "BY"]) {
        spec = spec.partition_by(width(&mut words)?);
    }
    let retention = words.take(&["RETAIN"]).then(|| retention(&mut words)).transpose()?;
    words.end()?;
    Ok(CreateTable { name, spec, retention: retention.flatten(), if_not_exists })
}

fn width(words: &mut Words<'_>) -> Result<PartitionWidth> {
    let widths = [
        ("HOUR", PartitionWidth::Hour),
        ("DAY", PartitionWidth::Day),
        ("WEEK", PartitionWidth::Week),
        ("MONTH", PartitionWidth::Month),
        ("QUARTER", PartitionWidth::Quarter),
        ("YEAR", PartitionWidth::Year),
    ];
    let found = widths.iter().find(|(word, _)| words.take(&[word]));
    found
        .map(|(_, width)| *width)
        .ok_or_else(|| words.expected("HOUR, DAY, WEEK, MONTH, QUARTER or YEAR"))
}

/// The name of a table that is not qualified, or qualified by `public`; also that of the one system table that is kept as a table.
pub(crate) fn table_name(name: &ObjectName) -> Result<String> {
    let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    let folded = |ident: &sqlparser::ast::Ident| match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    };
    let refused =
        || Err(Error::invalid(format!("`{name}` cannot be a table's name")).at(name.span()));
    match parts.as_slice() {
        [table] => Ok(folded(table)),
        [schema, table] if folded(schema) == "public" => Ok(folded(table)),
        [schema, table] if folded(schema) == SCHEMA => match kept_as_table(&folded(table)) {
            Some(table) => Ok(table.to_owned()),
            None => refused(),
        },
        _ => refused(),
    }
}

/// The same tokens, with columns called `key` or `index` in quotes: elsewhere in SQL these words begin a constraint.
fn with_plain_names(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut tokens = tokens.to_vec();
    let (mut depth, mut is_first) = (0_usize, false);
    for at in 0..tokens.len() {
        let is_followed_by_type =
            matches!(tokens.get(at + 1), Some(next) if matches!(next.token, Token::Word(_)));
        match &mut tokens[at].token {
            Token::LParen => {
                depth += 1;
                is_first = depth == 1;
            }
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma => is_first = depth == 1,
            Token::Whitespace(_) => (),
            Token::Word(word) if is_first && is_followed_by_type => {
                let taken = [Keyword::KEY, Keyword::INDEX, Keyword::FULLTEXT, Keyword::SPATIAL];
                if word.quote_style.is_none() && taken.contains(&word.keyword) {
                    word.value = word.value.to_lowercase();
                    word.quote_style = Some('"');
                    word.keyword = Keyword::NoKeyword;
                }
                is_first = false;
            }
            _ => is_first = false,
        }
    }
    tokens
}

fn key_of(columns: &[ColumnDef], constraints: &[TableConstraint]) -> Result<Vec<String>> {
    let mut key = Vec::new();
    for column in columns {
        if column.options.iter().any(|option| matches!(option.option, ColumnOption::PrimaryKey(_)))
        {
            key.push(fold(&column.name));
        }
    }
    for constraint in constraints {
        let TableConstraint::PrimaryKey(primary) = constraint else {
            let message = format!("constraint {constraint} is not supported: only PRIMARY KEY is");
            return Err(Error::invalid(message).at(constraint.span()));
        };
        if !key.is_empty() {
            return Err(Error::invalid("a table has one PRIMARY KEY").at(constraint.span()));
        }
        key = primary.columns.iter().map(key_column).collect::<Result<_>>()?;
    }
    Ok(key)
}

fn key_column(column: &IndexColumn) -> Result<String> {
    match &column.column.expr {
        Expr::Identifier(name) => Ok(fold(name)),
        other => {
            Err(Error::invalid(format!("a PRIMARY KEY names columns, not `{other}`"))
                .at(other.span()))
        }
    }
}

pub(super) fn fold(name: &sqlparser::ast::Ident) -> String {
    match name.quote_style {
        Some(_) => name.value.clone(),
        None => name.value.to_lowercase(),
    }
}

pub(super) fn column_of(definition: &ColumnDef) -> Result<Column> {
    let span = definition.name.span;
    let data_type = data_type(&definition.data_type.to_string()).map_err(|error| error.at(span))?;
    let mut column = Column::new(fold(&definition.name), data_type);
    for option in &definition.options {
        match &option.option {
            ColumnOption::Null | ColumnOption::PrimaryKey(_) => (),
            ColumnOption::NotNull => column = column.not_null(),
            ColumnOption::Default(expr) => {
                let value = literal(expr, data_type).map_err(|error| error.at(expr.span()))?;
                column = column.with_default(value);
            }
            other => {
                let message = format!("`{other}` is not supported in a column's definition");
                return Err(Error::invalid(message).at(span));
            }
        }
    }
    Ok(column)
}

/// A type as SQL writes it; lengths of VARCHAR and precisions of TIMESTAMP are accepted and not kept.
pub(super) fn data_type(text: &str) -> Result<DataType> {
    let upper = text.to_ascii_uppercase();
    let bare = upper.split('(').next().unwrap_or_default().trim().to_owned();
    let plain = match bare.as_str() {
        "VARCHAR" | "CHARACTER VARYING" | "CHAR VARYING" | "NVARCHAR" => "TEXT",
        "TIMESTAMP" | "DATETIME" => "TIMESTAMP",
        "FLOAT" => "DOUBLE PRECISION",
        "INT64" => "BIGINT",
        _ => upper.as_str(),
    };
    Ok(DataType::parse(plain)?)
}

/// A default: a literal, negative numbers among them.
pub(crate) fn literal(expr: &Expr, data_type: DataType) -> Result<Value> {
    let text = match expr {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
            Expr::Value(value) => match &value.value {
                Literal::Number(text, _) => format!("-{text}"),
                _ => return not_a_literal(expr),
            },
            _ => return not_a_literal(expr),
        },
        Expr::TypedString(typed) => match &typed.value.value {
            Literal::SingleQuotedString(text) => text.clone(),
            _ => return not_a_literal(expr),
        },
        Expr::Value(value) => match &value.value {
            Literal::Null => return Ok(Value::Null),
            Literal::Number(text, _) | Literal::SingleQuotedString(text) => text.clone(),
            Literal::Boolean(value) => value.to_string(),
            _ => return not_a_literal(expr),
        },
        _ => return not_a_literal(expr),
    };
    Ok(Value::parse(data_type, &text)?)
}

fn not_a_literal<T>(expr: &Expr) -> Result<T> {
    Err(Error::invalid(format!("DEFAULT takes a literal, not `{expr}`")))
}
