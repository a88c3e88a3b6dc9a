//! The reference page of the inventory, made from the same types as its schema.

/// Markdown of `docs/inventory.md`.
pub fn reference() -> String {
    String::new()
}
