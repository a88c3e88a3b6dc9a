//! Terraform's functions and operators, as far as they need nothing but their arguments.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Number;

use super::values::{Kind, Pair, Value};
use crate::source::Place;

/// The longest text or list a function gives.
const LONGEST: usize = 1 << 16;

/// `-x` and `!x`.
pub fn unary(operator: &str, value: &Value) -> Kind {
    match operator {
        "!" => value.as_bool().map_or(Kind::Unknown, |flag| Kind::Bool(!flag)),
        _ => value.as_f64().map_or(Kind::Unknown, |number| number_kind(-number)),
    }
}

/// Both sides and what is between them.
pub fn binary(operator: &str, left: &Value, right: &Value) -> Kind {
    match operator {
        "==" | "!=" => match equal(left, right) {
            Some(same) => Kind::Bool(same == (operator == "==")),
            None => Kind::Unknown,
        },
        "&&" => match (left.as_bool(), right.as_bool()) {
            (Some(false), _) | (_, Some(false)) => Kind::Bool(false),
            (Some(true), Some(true)) => Kind::Bool(true),
            _ => Kind::Unknown,
        },
        "||" => match (left.as_bool(), right.as_bool()) {
            (Some(true), _) | (_, Some(true)) => Kind::Bool(true),
            (Some(false), Some(false)) => Kind::Bool(false),
            _ => Kind::Unknown,
        },
        _ => match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => arithmetic(operator, left, right),
            _ => Kind::Unknown,
        },
    }
}

fn arithmetic(operator: &str, left: f64, right: f64) -> Kind {
    match operator {
        "<" => Kind::Bool(left < right),
        "<=" => Kind::Bool(left <= right),
        ">" => Kind::Bool(left > right),
        ">=" => Kind::Bool(left >= right),
        "+" => number_kind(left + right),
        "-" => number_kind(left - right),
        "*" => number_kind(left * right),
        "/" => number_kind(left / right),
        "%" => number_kind(left % right),
        _ => Kind::Unknown,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float without fraction and below 2^53 is this integer")]
fn number_kind(number: f64) -> Kind {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Kind::Number(Number::from(number as i64));
    }
    Number::from_f64(number).map_or(Kind::Unknown, Kind::Number)
}

/// Whether two values are the same; None where that cannot be told.
fn equal(left: &Value, right: &Value) -> Option<bool> {
    if !left.is_whole() || !right.is_whole() {
        return None;
    }
    if let (Some(left), Some(right)) = (left.to_text(), right.to_text()) {
        return Some(left == right);
    }
    match (&left.kind, &right.kind) {
        (Kind::Encoded(_), _) | (_, Kind::Encoded(_)) => None,
        _ => Some(left.to_node().to_json() == right.to_node().to_json()),
    }
}

/// What a function gives.
pub fn call(name: &str, place: Place, values: Vec<Value>) -> Value {
    let kind = text_function(name, &values).or_else(|| collection_function(name, place, values));
    Value::new(place, kind.unwrap_or(Kind::Unknown))
}

fn text_function(name: &str, values: &[Value]) -> Option<Kind> {
    let text = |at: usize| values.get(at).and_then(Value::to_text);
    let number = |at: usize| values.get(at).and_then(Value::as_f64);
    let given = match name {
        "lower" => text(0)?.to_lowercase(),
        "upper" => text(0)?.to_uppercase(),
        "trimspace" => text(0)?.trim().to_owned(),
        "chomp" => text(0)?.trim_end_matches(['\n', '\r']).to_owned(),
        "trimprefix" => text(0)?.strip_prefix(&text(1)?).map_or_else(|| text(0), |rest| Some(rest.to_owned()))?,
        "trimsuffix" => text(0)?.strip_suffix(&text(1)?).map_or_else(|| text(0), |rest| Some(rest.to_owned()))?,
        "trim" => {
            let cut: Vec<char> = text(1)?.chars().collect();
            text(0)?.trim_matches(cut.as_slice()).to_owned()
        }
        "basename" => text(0)?.rsplit('/').next()?.to_owned(),
        "dirname" => text(0)?.rsplit_once('/').map_or_else(|| ".".to_owned(), |(folder, _)| folder.to_owned()),
        "tostring" => text(0)?,
        "title" => {
            let mut start = true;
            let raise = |letter: char| {
                let raised = if start { letter.to_uppercase().next().unwrap_or(letter) } else { letter };
                start = letter == ' ';
                raised
            };
            text(0)?.chars().map(raise).collect()
        }
        "replace" => {
            let (from, to) = (text(1)?, text(2)?);
            // Between slashes stands a regular expression in Go's dialect.
            if from.len() > 1 && from.starts_with('/') && from.ends_with('/') {
                return None;
            }
            let whole = text(0)?;
            if whole.len().saturating_mul(to.len().max(1)) > LONGEST * 16 {
                return None;
            }
            whole.replace(&from, &to)
        }
        "substr" => {
            let (whole, start, length) = (text(0)?, values.get(1)?.as_index()?, number(2)?);
            let rest = whole.chars().skip(start);
            if length < 0.0 { rest.collect() } else { rest.take(values.get(2)?.as_index()?).collect() }
        }
        "join" => {
            let separator = text(0)?;
            let Kind::List(items) = &values.get(1)?.kind else { return None };
            items.iter().map(Value::to_text).collect::<Option<Vec<String>>>()?.join(&separator)
        }
        "format" => format(values)?,
        "indent" => {
            let gap = " ".repeat(values.first()?.as_index()?.min(64));
            text(1)?.replace('\n', &format!("\n{gap}"))
        }
        "cidrhost" => cidr_host(&text(0)?, number(1)?)?,
        _ => return None,
    };
    (given.len() <= LONGEST * 16).then_some(Kind::Text(given))
}

fn collection_function(name: &str, place: Place, mut values: Vec<Value>) -> Option<Kind> {
    let first = values.first().cloned();
    match name {
        "sensitive" | "nonsensitive" | "toset" | "tolist" | "tomap" | "tonumber" | "tobool" | "ephemeralasnull" => {
            conversion(name, first?)
        }
        "yamlencode" | "jsonencode" => Some(Kind::Encoded(Box::new(first?))),
        "merge" => merge(values),
        "concat" | "setunion" => {
            let mut all: Vec<Value> = Vec::new();
            for value in values {
                match value.kind {
                    Kind::List(items) => all.extend(items),
                    _ => return None,
                }
            }
            Some(Kind::List(if name == "setunion" { distinct(all)? } else { all }))
        }
        "flatten" => {
            let mut flat = Vec::new();
            flatten(first?, &mut flat)?;
            Some(Kind::List(flat))
        }
        "distinct" => Some(Kind::List(distinct(list(first?)?)?)),
        "compact" => {
            let items = list(first?)?;
            items.iter().all(Value::is_whole).then(|| {
                let empty = |item: &Value| matches!(item.kind, Kind::Null) || item.as_str() == Some("");
                Kind::List(items.into_iter().filter(|item| !empty(item)).collect())
            })
        }
        "reverse" => Some(Kind::List(list(first?)?.into_iter().rev().collect())),
        "sort" => {
            let mut items = list(first?)?;
            items.iter().all(|item| item.as_str().is_some()).then(|| {
                items.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
                Kind::List(items)
            })
        }
        "keys" => match first?.kind {
            Kind::Map(mut pairs) => {
                pairs.sort_by(|left, right| left.key.cmp(&right.key));
                Some(Kind::List(pairs.into_iter().map(|pair| Value::text(pair.key_place, pair.key)).collect()))
            }
            _ => None,
        },
        "values" => match first?.kind {
            Kind::Map(mut pairs) => {
                pairs.sort_by(|left, right| left.key.cmp(&right.key));
                Some(Kind::List(pairs.into_iter().map(|pair| pair.value).collect()))
            }
            _ => None,
        },
        "length" => match first?.kind {
            Kind::List(items) => Some(Kind::Number(Number::from(items.len()))),
            Kind::Map(pairs) => Some(Kind::Number(Number::from(pairs.len()))),
            Kind::Text(text) => Some(Kind::Number(Number::from(text.chars().count()))),
            _ => None,
        },
        "contains" => {
            let sought = values.get(1)?.clone();
            let mut unsure = false;
            for item in list(first?)? {
                match equal(&item, &sought) {
                    Some(true) => return Some(Kind::Bool(true)),
                    Some(false) => {}
                    None => unsure = true,
                }
            }
            (!unsure).then_some(Kind::Bool(false))
        }
        "lookup" => {
            let key = values.get(1)?.to_text()?;
            match &first?.kind {
                Kind::Map(pairs) => match pairs.iter().find(|pair| pair.key == key) {
                    Some(pair) => Some(pair.value.kind.clone()),
                    None => values.get(2).map(|default| default.kind.clone()),
                },
                _ => None,
            }
        }
        "element" => {
            let items = list(first?)?;
            let index = values.get(1)?.as_index()?.checked_rem(items.len())?;
            Some(items[index].kind.clone())
        }
        "one" => match list(first?)?.as_slice() {
            [] => Some(Kind::Null),
            [only] => Some(only.kind.clone()),
            _ => None,
        },
        "slice" => {
            let (start, end) = (values.get(1)?.as_index()?, values.get(2)?.as_index()?);
            Some(Kind::List(list(first?)?.get(start..end)?.to_vec()))
        }
        "coalesce" => {
            for value in values {
                match value.kind {
                    Kind::Null => {}
                    Kind::Text(text) if text.is_empty() => {}
                    Kind::Unknown | Kind::Missing | Kind::Partial(_) => return None,
                    kind => return Some(kind),
                }
            }
            None
        }
        "split" => {
            let (by, whole) = (values.first()?.to_text()?, values.get(1)?.to_text()?);
            (!by.is_empty() && whole.len() <= LONGEST)
                .then(|| Kind::List(whole.split(&by).map(|part| Value::text(place, part)).collect()))
        }
        "range" => range(place, &values),
        "zipmap" => {
            let (keys, items) = (list(values.first()?.clone())?, list(values.get(1)?.clone())?);
            let pair = |(key, value): (Value, Value)| Some(Pair { key: key.to_text()?, key_place: key.place, value });
            Some(Kind::Map(keys.into_iter().zip(items).map(pair).collect::<Option<_>>()?))
        }
        "max" | "min" => {
            let numbers = values.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>()?;
            let pick = if name == "max" { f64::max } else { f64::min };
            numbers.into_iter().reduce(pick).map(number_kind)
        }
        "startswith" => Some(Kind::Bool(values.first()?.as_str()?.starts_with(values.get(1)?.as_str()?))),
        "endswith" => Some(Kind::Bool(values.first()?.as_str()?.ends_with(values.get(1)?.as_str()?))),
        "strcontains" => Some(Kind::Bool(values.first()?.as_str()?.contains(values.get(1)?.as_str()?))),
        "alltrue" | "anytrue" => {
            let flags = list(values.swap_remove(0))?.iter().map(Value::as_bool).collect::<Option<Vec<bool>>>()?;
            let all = flags.iter().all(|flag| *flag);
            Some(Kind::Bool(if name == "alltrue" { all } else { flags.contains(&true) }))
        }
        _ => None,
    }
}

fn list(value: Value) -> Option<Vec<Value>> {
    match value.kind {
        Kind::List(items) => Some(items),
        _ => None,
    }
}

fn conversion(name: &str, value: Value) -> Option<Kind> {
    match name {
        "toset" => match value.kind {
            Kind::List(items) => Some(Kind::List(distinct(items)?)),
            _ => None,
        },
        "tonumber" => value.as_f64().map(number_kind),
        "tobool" => value.as_bool().map(Kind::Bool),
        _ => Some(value.kind),
    }
}

/// Later maps win; a map that is not known hides what the earlier ones say.
fn merge(values: Vec<Value>) -> Option<Kind> {
    let mut merged: Vec<Pair> = Vec::new();
    for value in values {
        match value.kind {
            Kind::Map(pairs) => {
                for pair in pairs {
                    match merged.iter_mut().find(|known| known.key == pair.key) {
                        Some(known) => *known = pair,
                        None => merged.push(pair),
                    }
                }
            }
            Kind::Null => {}
            _ => return None,
        }
    }
    Some(Kind::Map(merged))
}

fn distinct(items: Vec<Value>) -> Option<Vec<Value>> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        let mut known = false;
        for other in &kept {
            known |= equal(other, &item)?;
        }
        if !known {
            kept.push(item);
        }
        if kept.len() > 1000 {
            return None;
        }
    }
    Some(kept)
}

fn flatten(value: Value, flat: &mut Vec<Value>) -> Option<()> {
    match value.kind {
        Kind::List(items) => {
            for item in items {
                match item.kind {
                    Kind::List(_) => flatten(item, flat)?,
                    Kind::Unknown | Kind::Missing => return None,
                    _ => flat.push(item),
                }
            }
            Some(())
        }
        _ => None,
    }
}

fn range(place: Place, values: &[Value]) -> Option<Kind> {
    let numbers = values.iter().map(Value::as_index).collect::<Option<Vec<usize>>>()?;
    let (start, end, step) = match numbers.as_slice() {
        [end] => (0, *end, 1),
        [start, end] => (*start, *end, 1),
        [start, end, step] => (*start, *end, *step),
        _ => return None,
    };
    let right = step > 0 && end.saturating_sub(start) / step <= 1024;
    let number = |number: usize| Value::new(place, Kind::Number(Number::from(number)));
    right.then(|| Kind::List((start..end).step_by(step).map(number).collect()))
}

/// `%s`, `%d`, `%v`, `%q` and `%%`, also with a width such as `%02d`.
fn format(values: &[Value]) -> Option<String> {
    let pattern = values.first()?.as_str()?;
    let mut given = values[1..].iter();
    let mut text = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let mut width = String::new();
        while let Some(digit) = letters.next_if(char::is_ascii_digit) {
            width.push(digit);
        }
        let verb = letters.next()?;
        if verb == '%' {
            text.push('%');
            continue;
        }
        let value = given.next()?.to_text()?;
        let value = match verb {
            's' | 'v' | 'd' => value,
            'q' => format!("\"{value}\""),
            _ => return None,
        };
        let wide = width.parse::<usize>().unwrap_or(0).min(256);
        let fill = if width.starts_with('0') { '0' } else { ' ' };
        (value.chars().count()..wide).for_each(|_| text.push(fill));
        text.push_str(&value);
    }
    Some(text)
}

/// The address of this number in a prefix; negative numbers count from its end.
#[expect(clippy::cast_possible_truncation, reason = "the number is checked to be whole and small")]
fn cidr_host(prefix: &str, number: f64) -> Option<String> {
    let network: ipnet::IpNet = prefix.parse().ok()?;
    if number.fract() != 0.0 || number.abs() > 1e15 {
        return None;
    }
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    };
    let (start, end) = (bits(network.network()), bits(network.broadcast()));
    let number = number as i64;
    let address = if number < 0 {
        end.checked_sub(u128::from(number.unsigned_abs()) - 1)?
    } else {
        start.checked_add(u128::from(number.unsigned_abs()))?
    };
    if !(start..=end).contains(&address) {
        return None;
    }
    Some(match network {
        ipnet::IpNet::V4(_) => Ipv4Addr::from(u32::try_from(address).ok()?).to_string(),
        ipnet::IpNet::V6(_) => Ipv6Addr::from(address).to_string(),
    })
}
