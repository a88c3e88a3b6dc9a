//! The OpenTofu code of a service is there.

use crate::{
    code,
    compile::{Model, tofu_folders},
    diagnostic::Diagnostic,
    node::Part,
    source::Sources,
};

/// `tofu = { dir = … }` and `sso = { tofu = … }`.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    for (pointer, folder) in tofu_folders(&model.inventory) {
        if model.inputs.tofu.contains(folder) {
            continue;
        }
        found.push(
            Diagnostic::new(code!("tofu-missing"), format!("there is no OpenTofu code in `{folder}`"))
                .at(model.place(&pointer, Part::Value), "")
                .help("name a folder with `.tf` files, as seen from the folder of the inventory")
                .about(folder),
        );
    }
}
