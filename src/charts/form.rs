//! What a chart's JSON Schema says is wrong with values. Nothing is fetched: a schema that refers to another address is not judged.

use jsonschema::error::{TypeKind, ValidationError, ValidationErrorKind};
use serde_json::Value;

/// Something wrong with values.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where, as a JSON pointer: the value, or the map that lacks or has the key.
    pub pointer: String,
    /// What.
    pub wrong: Wrong,
    /// Whether the schema asks for it only because of some other value.
    pub is_conditional: bool,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Wrong {
    /// It has another type than these.
    Type(Vec<String>),
    /// The map lacks this key.
    Missing(String),
    /// The map has this key, which the schema does not know, among these it does.
    Unknown(String, Vec<String>),
    /// It is none of these.
    Choice(Vec<String>),
    /// It is not like this: `has to …`.
    Form(String),
}

/// Everything a schema says is wrong with values, in its order; None for a schema that cannot be used alone.
pub fn faults(schema: &Value, values: &Value) -> Option<Vec<Fault>> {
    // Helm's reader of schemas does not hold texts against all of these, and reads some otherwise.
    let options = jsonschema::options()
        .should_validate_formats(false)
        .without_content_encoding_support("base64")
        .without_content_media_type_support("application/json");
    let validator = options.build(schema).ok()?;
    let mut faults = Vec::new();
    for error in validator.iter_errors(values) {
        faults.extend(faults_of(schema, &error)?);
    }
    Some(faults)
}

/// None where the schema itself is at fault.
fn faults_of(schema: &Value, error: &ValidationError<'_>) -> Option<Vec<Fault>> {
    let pointer = error.instance_path().as_str().to_owned();
    let conditions = ["then", "else", "dependentSchemas", "dependentRequired", "dependencies", "contains"];
    let is_conditional = error.evaluation_path().as_str().split('/').any(|step| conditions.contains(&step));
    let fault = |wrong: Wrong| vec![Fault { pointer: pointer.clone(), wrong, is_conditional }];
    let form = |text: String| fault(Wrong::Form(text));
    Some(match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(kind) => vec![kind.as_str().to_owned()],
                TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
            };
            // A whole number with a point is one for Helm, whatever the draft.
            let is_whole = error.instance().as_f64().is_some_and(|number| number.fract() == 0.0);
            if is_whole && expected.iter().any(|kind| kind == "integer") {
                return Some(Vec::new());
            }
            fault(Wrong::Type(expected))
        }
        ValidationErrorKind::Required { property } => {
            fault(Wrong::Missing(property.as_str().unwrap_or_default().to_owned()))
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = known_keys(schema, error.schema_path().as_str());
            let unknown = |key: &String| fault(Wrong::Unknown(key.clone(), known.clone()));
            unexpected.iter().flat_map(unknown).collect()
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            fault(Wrong::Choice(options.iter().map(shown).collect()))
        }
        ValidationErrorKind::Constant { expected_value } => fault(Wrong::Choice(vec![shown(expected_value)])),
        ValidationErrorKind::Pattern { pattern } => form(format!("has to match `{pattern}`")),
        ValidationErrorKind::Minimum { limit } => form(format!("has to be at least {limit}")),
        ValidationErrorKind::Maximum { limit } => form(format!("has to be at most {limit}")),
        ValidationErrorKind::ExclusiveMinimum { limit } => form(format!("has to be more than {limit}")),
        ValidationErrorKind::ExclusiveMaximum { limit } => form(format!("has to be less than {limit}")),
        ValidationErrorKind::MultipleOf { multiple_of } => form(format!("has to be a multiple of {multiple_of}")),
        ValidationErrorKind::MinLength { limit: 1 } => form("has to be no empty text".to_owned()),
        ValidationErrorKind::MinLength { limit } => form(format!("has to have at least {limit} characters")),
        ValidationErrorKind::MaxLength { limit } => form(format!("has to have at most {limit} characters")),
        ValidationErrorKind::MinItems { limit } => form(format!("has to have at least {}", counted(*limit, "item"))),
        ValidationErrorKind::MaxItems { limit } => form(format!("has to have at most {}", counted(*limit, "item"))),
        ValidationErrorKind::MinProperties { limit } => {
            form(format!("has to have at least {}", counted(*limit, "key")))
        }
        ValidationErrorKind::MaxProperties { limit } => form(format!("has to have at most {}", counted(*limit, "key"))),
        ValidationErrorKind::UniqueItems => form("has an item twice".to_owned()),
        ValidationErrorKind::FalseSchema => {
            let (above, key) = pointer.rsplit_once('/')?;
            let key = key.replace("~1", "/").replace("~0", "~");
            vec![Fault { pointer: above.to_owned(), wrong: Wrong::Unknown(key, Vec::new()), is_conditional }]
        }
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            form("has none of the forms that the schema allows".to_owned())
        }
        ValidationErrorKind::OneOfMultipleValid { .. } => {
            form("fits more than one form of the schema, which allows one".to_owned())
        }
        ValidationErrorKind::Not { .. } => form("has a form that the schema excludes".to_owned()),
        ValidationErrorKind::Contains => form("lacks an item that the schema asks for".to_owned()),
        ValidationErrorKind::PropertyNames { .. } => form("has a key whose name the schema does not allow".to_owned()),
        ValidationErrorKind::AdditionalItems { limit } => {
            form(format!("has to have at most {}", counted(*limit as u64, "item")))
        }
        ValidationErrorKind::UnevaluatedItems { .. } => form("has an item that the schema does not know".to_owned()),
        // Neither is asked of values by Helm's reader of schemas.
        ValidationErrorKind::Format { .. }
        | ValidationErrorKind::ContentEncoding { .. }
        | ValidationErrorKind::ContentMediaType { .. }
        | ValidationErrorKind::FromUtf8 { .. } => Vec::new(),
        ValidationErrorKind::BacktrackLimitExceeded { .. }
        | ValidationErrorKind::RegexEngineFailure { .. }
        | ValidationErrorKind::Custom { .. }
        | ValidationErrorKind::Referencing(_) => return None,
    })
}

/// The keys that the schema around this path knows.
fn known_keys(schema: &Value, path: &str) -> Vec<String> {
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    let properties = schema.pointer(above).and_then(|found| found.get("properties")?.as_object());
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn counted(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
