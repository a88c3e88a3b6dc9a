//! Charts rendered by the `helm` of the machine.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use super::{Chart, Error};

/// What `helm template` prints. It fetches nothing: a chart's dependencies must lie in its `charts/`.
pub(super) fn template(root: &Path, chart: &Chart<'_>) -> Result<Result<String, String>, Error> {
    let failed = |error: &std::io::Error| Error::io("run", "helm", error);
    let folder = root.join(chart.folder);
    let mut command = Command::new("helm");
    command.args(["template", chart.release]).arg(&folder).args(["--namespace", chart.namespace]);
    command.args(["--include-crds", "--kube-version", chart.kubernetes, "--values", "-"]);
    // Neither a cluster nor the user's repositories take part.
    command.env("KUBECONFIG", "/dev/null").env("HELM_REPOSITORY_CONFIG", "/dev/null");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let mut stdin = child.stdin.take().expect("piped above");
    let values = chart.values.to_owned();
    // helm may end without having read everything; what it says then is the reason.
    let writer = thread::spawn(move || stdin.write_all(values.as_bytes()));
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    let _ = writer.join();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() {
        return Ok(Ok(text(output.stdout)));
    }
    let said = text(output.stderr);
    let first = said.lines().find(|line| line.starts_with("Error:")).unwrap_or(said.trim());
    let folder = folder.to_string_lossy();
    Ok(Err(first.trim_start_matches("Error: ").replace(&*folder, chart.folder)))
}
