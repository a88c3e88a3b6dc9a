//! Which lists kustomize merges by key: those of the Kubernetes 1.21 kinds it carries. Every other list is replaced whole.

use std::{collections::HashMap, sync::LazyLock};

use crate::node::{Kind, Node};

/// Made by `make_lists.go` beside it: a line for each kind, an empty one, and a line for each type with its fields.
const TABLE: &str = include_str!("lists.table");

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// Nothing: it may still turn out to be an object of a known kind.
    Unknown,
    /// Known, and nothing in it is.
    Leaf,
    /// A line of the table.
    Type(usize),
}

/// A field of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Its value; for a list that is merged, its items.
    pub(super) schema: Schema,
    /// What the items of a list are merged by: keys, or none for their own value. None for a list that is replaced.
    pub(super) keys: Option<&'static [&'static str]>,
}

struct Table {
    kinds: HashMap<(&'static str, &'static str), usize>,
    types: Vec<Vec<(&'static str, Field)>>,
}

static LISTS: LazyLock<Table> = LazyLock::new(|| {
    let (kinds, types) = TABLE.split_once("\n\n").expect("an empty line parts kinds and types");
    let kinds = kinds.lines().map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("a kind has an apiVersion, a name and a type");
        let name = (word(), word());
        (name, word().parse().expect("types are numbered"))
    });
    let types = types.lines().map(|line| line.split_terminator(' ').map(field).collect());
    Table { kinds: kinds.collect(), types: types.collect() }
});

/// `containers[name]12`, `finalizers[]-`, `spec:12`, `resources:-`.
fn field(text: &'static str) -> (&'static str, Field) {
    let schema = |text: &str| match text {
        "-" => Schema::Leaf,
        number => Schema::Type(number.parse().expect("types are numbered")),
    };
    match text.split_once('[') {
        Some((name, rest)) => {
            let (keys, value) = rest.split_once(']').expect("a bracket is closed");
            let keys: &'static [&'static str] = keys.split_terminator(',').collect::<Vec<_>>().leak();
            (name, Field { schema: schema(value), keys: Some(keys) })
        }
        None => {
            let (name, value) = text.split_once(':').expect("a field has a type");
            (name, Field { schema: schema(value), keys: None })
        }
    }
}

impl Schema {
    /// Itself, or what the kind that the value names says.
    pub(super) fn or_of(self, value: &Node) -> Schema {
        if self != Schema::Unknown {
            return self;
        }
        let Kind::Map(_) = value.kind else { return self };
        let Some(kind) = value.get("kind").and_then(Node::as_str) else { return self };
        let Some(version) = value.get("apiVersion").and_then(Node::as_str) else { return self };
        LISTS.kinds.get(&(version, kind)).map_or(self, |number| Schema::Type(*number))
    }

    /// A field of a map of this type.
    pub(super) fn field(self, name: &str) -> Field {
        let unknown = Field { schema: Schema::Unknown, keys: None };
        let Schema::Type(number) = self else { return unknown };
        let fields = &LISTS.types[number];
        fields.iter().find(|(field, _)| *field == name || *field == "*").map_or(unknown, |(_, field)| *field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_known_kinds_have_keys() {
        let pod = Schema::Type(LISTS.kinds[&("v1", "Pod")]).field("spec").schema;
        let container = pod.field("containers");
        assert_eq!(container.keys, Some(["name"].as_slice()));
        assert_eq!(container.schema.field("ports").keys, Some(["containerPort", "protocol"].as_slice()));
        assert_eq!(container.schema.field("args").keys, None);
        assert_eq!(pod.field("tolerations").keys, None);
        let metadata = Schema::Type(LISTS.kinds[&("apps/v1", "Deployment")]).field("metadata").schema;
        assert_eq!(metadata.field("finalizers").keys, Some([].as_slice()));
        assert_eq!(metadata.field("labels").schema.field("app").schema, Schema::Unknown);
    }
}
