//! The JSON Schema of the inventory, made from its types.

use schemars::{
    Schema,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Value, json};

use super::Inventory;

/// The schema that editors and [`super::read`] use.
pub fn schema() -> Value {
    schema_of::<Inventory>("gitopsc inventory")
}

/// The schema of a type that a TOML file is read into: without `null`, without keys it does not know.
pub fn schema_of<T: schemars::JsonSchema>(title: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().with_transform(NoNull).with_transform(Closed).into_generator();
    let mut schema = generator.into_root_schema_for::<T>().to_value();
    schema["title"] = json!(title);
    schema
}

/// TOML has no null: an optional key is absent, never `null`.
#[derive(Clone, Debug)]
struct NoNull;

impl Transform for NoNull {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                schema.insert("type".into(), only);
            }
        }
        if let Some(Value::Array(options)) = schema.get_mut("anyOf") {
            options.retain(|option| option.get("type").is_none_or(|kind| kind != "null"));
            if let [only] = options.as_slice() {
                let only = only.clone();
                schema.remove("anyOf");
                for (key, value) in only.as_object().into_iter().flatten() {
                    schema.insert(key.clone(), value.clone());
                }
            }
        }
        match schema.get_mut("default") {
            Some(Value::Null) => {
                schema.remove("default");
            }
            Some(Value::Object(keys)) => keys.retain(|_, value| !value.is_null()),
            _ => {}
        }
        transform_subschemas(self, schema);
    }
}

/// Unknown keys are errors wherever the keys are known.
#[derive(Clone, Debug)]
struct Closed;

impl Transform for Closed {
    fn transform(&mut self, schema: &mut Schema) {
        if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
            schema.insert("additionalProperties".into(), Value::Bool(false));
        }
        transform_subschemas(self, schema);
    }
}
