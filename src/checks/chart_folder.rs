//! A chart of this repository is there.

use crate::{code, compile::Model, diagnostic::Diagnostic, facets::ChartSource, node::Part, source::Sources};

/// `chart = { path = … }`.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    for (unit, output) in model.plan.units.iter().zip(&model.units) {
        let Some(ChartSource::Path(path)) = output.release.as_ref().map(|release| &release.source) else { continue };
        if !model.inputs.charts.contains(path) {
            found.push(
                Diagnostic::new(code!("chart-missing"), format!("there is no chart in `{path}`"))
                    .at(model.place(&format!("{}/chart/path", unit.pointer), Part::Value), "")
                    .help(format!(
                        "add `{path}/Chart.yaml`, or correct the path, which begins at the folder of the inventory"
                    ))
                    .about(unit.label()),
            );
        }
    }
}
